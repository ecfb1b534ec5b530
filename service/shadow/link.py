"""
The service's end of the shadow's process: started by the first request, ended at will.

Covered:      its priority; what happens to the request under way when it dies.
Not covered:  what it computes (`process`), the messages (`messages`).

Own code, and not the standard library's process pool, which works through threads of this process
and pickles what it sends.

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

from service.shadow.messages import (
    ComputeRequest,
    ComputeSettings,
    Floats,
    decode_result,
    encode,
    frame,
    read_frame,
)
from service.shadow.stats import BatchComparison

log = logging.getLogger(__name__)

_LEAST_NICE = 19
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ShadowFailed(Exception):
    """A twin, or its process, that failed; the message says why."""


class ShadowLink:
    """
    Sends requests to the process, and starts and ends it.

    Args:
        settings: Store, backend, leaf type and threads that twins compute with.
    """

    def __init__(self, settings: ComputeSettings):
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._streams: _Streams | None = None

    @property
    def pid(self) -> int | None:
        """The process's id; None while there is no process."""
        return self._process.pid if self._process is not None else None

    async def compute(
        self, request: ComputeRequest, rows: Sequence[Floats], logits: Sequence[Floats]
    ) -> tuple[BatchComparison, float]:
        """
        Have a twin compute rows; this may take as long as others keep the processors busy.

        Args:
            request: The twin, and those that stay loaded.
            rows: One batch in parts, each `[r, i]`, float32, contiguous.
            logits: The FFF's for the same parts, each `[r, o]`, float32, contiguous.

        Returns:
            The comparison of both networks, and the processor seconds spent on it.

        Raises:
            ShadowFailed: The twin or the process failed.
        """
        try:
            reader, writer = self._streams or await self._start()
            writer.writelines(frame(encode(request)))
            writer.writelines(frame(*(part.data.cast("B") for part in rows)))
            writer.writelines(frame(*(part.data.cast("B") for part in logits)))
            await writer.drain()
            result = decode_result(await read_frame(reader))
        except (OSError, EOFError) as exc:
            await self.end()
            raise ShadowFailed(f"its process ended or cannot be started: {exc!r}") from exc
        if result.comparison is None:
            raise ShadowFailed(result.failure)
        return result.comparison, result.busy_s

    async def end(self) -> None:
        """End the process, if there is one, and free its memory; the next request starts it."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            await asyncio.to_thread(process.wait)

    async def _start(self) -> _Streams:
        parent, child = socket.socketpair()
        with child:
            self._streams = await asyncio.open_unix_connection(sock=parent)
            # To start a process takes milliseconds.
            spawning = asyncio.ensure_future(asyncio.to_thread(self._spawn, child.fileno()))
            try:
                await asyncio.shield(spawning)
            finally:  # whoever is cancelled waits for the thread: `end` must know the process
                await asyncio.wait([spawning])
        self._streams[1].writelines(frame(encode(self._settings)))
        return self._streams

    def _spawn(self, descriptor: int) -> None:
        code = f"from service.shadow.process import main; main({descriptor})"
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", code],  # not what lies in the working directory
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[descriptor],
            env=os.environ | _environment(),
            start_new_session=True,  # Ctrl-C is for the service
        )
        _lower_priority(self._process.pid)


def _environment() -> dict[str, str]:
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),  # modules are found where ours are
        "CUDA_VISIBLE_DEVICES": "",  # no context of its own on a GPU, whatever a library does
    }


def _lower_priority(pid: int) -> None:
    """Give a process the lowest priority there is."""
    try:
        os.setpriority(os.PRIO_PROCESS, pid, _LEAST_NICE)
        # Where there is more than niceness: a processor that runs nothing else counts as idle,
        # so a thread that wakes up is given it at once.
        if hasattr(os, "SCHED_IDLE"):
            os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    except ProcessLookupError:
        pass  # it has ended already, which the request will notice
    except (OSError, AttributeError) as exc:
        log.warning("the shadow's process cannot be given a low priority: %s", exc)
