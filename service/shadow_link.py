"""
The service's end of the shadow's process: started when there is something to ask, ended at will.

Covered:      its priority; what happens to the question under way when it dies.
Not covered:  what it does (`shadow_process`).

Used by the shadow's one thread, but for `kill`.
"""

import logging
import os
import socket
import subprocess
import sys
from multiprocessing.connection import Connection

from service.shadow_process import Answered, Asked, Conditions
from service.shadow_stats import Compared, Logits

log = logging.getLogger(__name__)

_LEAST_NICE = 19


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
        self._connection: Connection | None = None
        self._killed = False

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return self._process.pid if self._process is not None else None

    def ask(self, asked: Asked, rows: Logits, logits: Logits) -> tuple[Compared, float]:
        """
        Have a twin compute rows; this may take as long as others keep the processors busy.

        Returns:
            What it found, and the processor seconds spent on it.

        Raises:
            ShadowFailed: The twin or the process failed.
        """
        try:
            connection = self._connection or self._start()
            connection.send(asked)
            connection.send_bytes(rows.data)
            connection.send_bytes(logits.data)
            answered: Answered = connection.recv()
        except (OSError, EOFError) as exc:
            self.end()
            raise ShadowFailed(f"its process ended or cannot be started: {exc!r}") from exc
        if answered.found is None:
            raise ShadowFailed(answered.failure)
        return answered.found, answered.busy_s

    def kill(self) -> None:
        """End the process now and for good, from any thread: the question under way fails."""
        self._killed = True
        process = self._process
        if process is not None:
            process.kill()

    def end(self) -> None:
        """End the process, if there is one, and free what it holds; the next question starts it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _start(self) -> Connection:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            call = f"from service.shadow_process import main; main({theirs.fileno()})"
            self._process = subprocess.Popen(
                [sys.executable, "-c", call],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # Where this process finds its modules, the other one does.
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,  # Ctrl-C is for the service
            )
            _humble(self._process.pid)
            self._connection = Connection(ours.detach())
        if self._killed:  # meanwhile: `kill` may have come before there was a process
            self._process.kill()
        self._connection.send(self._conditions)
        return self._connection


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
