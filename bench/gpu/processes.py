"""Programs that a part runs beside itself: bounded in time, and what they said last is kept."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_GRACE_S = 4.0  # between being asked to end and being ended
_TAIL = 1500  # characters


@dataclass(frozen=True, slots=True)
class Ended:
    """
    A program that has ended.

    Attributes:
        code: Its exit code; negative for a signal.
        tail: What it wrote last, to standard output and error.
        in_time: Whether it ended by itself.
    """

    code: int
    tail: str
    in_time: bool


def run(command: Sequence[str], limit_s: float, environment: Mapping[str, str]) -> Ended:
    """
    Run a program from the repository's root.

    At its limit it is interrupted, so that it can say how far it came, and then ended with all
    that it started.

    Args:
        command: The program and its arguments.
        limit_s: Seconds.
        environment: Beside this process's own.

    Raises:
        OSError: If it cannot be started.
    """
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            text, _ = process.communicate(timeout=limit_s)
            return Ended(process.returncode, text[-_TAIL:], True)
        except subprocess.TimeoutExpired:
            text = end(process)
    return Ended(process.returncode or -1, text[-_TAIL:], False)


def end(process: subprocess.Popen[str]) -> str:
    """Interrupt a program of a session of its own, then kill the session; returns its output."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    try:
        return process.communicate(timeout=_GRACE_S)[0] or ""
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    try:
        return process.communicate(timeout=_GRACE_S)[0] or ""
    except subprocess.TimeoutExpired:  # it hangs in the driver, where no signal reaches it
        return ""
