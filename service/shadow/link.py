"""
The service's end of the shadow's process: started when there is something to ask, ended at will.

Covered:      its priority; what happens to the question under way when it dies.
Not covered:  what it does (`shadow_process`), what is said (`shadow_messages`).

Runs on the event loop, without a thread: on a machine whose processors are all busy, each time a
thread and the loop hand the interpreter lock to each other costs milliseconds.
"""

import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Sequence

from service.shadow.messages import Asked, Conditions, answered_of, framed, packed, read_frame
from service.shadow.stats import Compared, Logits

log = logging.getLogger(__name__)

_LEAST_NICE = 19
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ShadowFailed(Exception):
    """A twin that did not answer; the message says why."""


class ShadowLink:
    """
    Asks the process.

    Args:
        conditions: Under which twins compute.
    """

    def __init__(self, conditions: Conditions):
        self._conditions = conditions
        self._process: subprocess.Popen[bytes] | None = None
        self._streams: _Streams | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return self._process.pid if self._process is not None else None

    async def ask(
        self, asked: Asked, rows: Sequence[Logits], logits: Sequence[Logits]
    ) -> tuple[Compared, float]:
        """
        Have a twin compute rows; this may take as long as others keep the processors busy.

        Args:
            asked: Which twin.
            rows: One batch in parts, each `[r, i]`, float32.
            logits: Of the same parts, each `[r, o]`, float32.

        Returns:
            What it found, and the processor seconds spent on it.

        Raises:
            ShadowFailed: The twin or the process failed.
        """
        try:
            reader, writer = self._streams or await self._start()
            writer.writelines(framed(packed(asked)))
            writer.writelines(framed(*(part.data.cast("B") for part in rows)))
            writer.writelines(framed(*(part.data.cast("B") for part in logits)))
            await writer.drain()
            answered = answered_of(await read_frame(reader))
        except (OSError, EOFError) as exc:
            await self.end()
            raise ShadowFailed(f"its process ended or cannot be started: {exc!r}") from exc
        if answered.found is None:
            raise ShadowFailed(answered.failure)
        return answered.found, answered.busy_s

    async def end(self) -> None:
        """End the process, if there is one, and free what it holds; the next question starts it."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            await asyncio.to_thread(process.wait)

    async def _start(self) -> _Streams:
        ours, theirs = socket.socketpair()
        with theirs:
            self._streams = await asyncio.open_unix_connection(sock=ours)
            # To start a process takes milliseconds.
            await asyncio.shield(asyncio.to_thread(self._spawn, theirs.fileno()))
        self._streams[1].writelines(framed(packed(self._conditions)))
        return self._streams

    def _spawn(self, descriptor: int) -> None:
        call = f"from service.shadow.process import main; main({descriptor})"
        self._process = subprocess.Popen(
            [sys.executable, "-c", call],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[descriptor],
            # Where this process finds its modules, the other one does.
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # Ctrl-C is for the service
        )
        _humble(self._process.pid)


def _humble(pid: int) -> None:
    """Give a process the lowest priority there is."""
    try:
        os.setpriority(os.PRIO_PROCESS, pid, _LEAST_NICE)
        # Where there is more than niceness: a processor that runs nothing else counts as idle,
        # so whoever wakes up is given it at once.
        if hasattr(os, "SCHED_IDLE"):
            os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    except ProcessLookupError:
        pass  # it has ended already, which whoever asks it will notice
    except (OSError, AttributeError) as exc:
        log.warning("the shadow's process cannot be given a low priority: %s", exc)
