"""
Runs a plan: each part in a process of its own, ended when its time is over.

A part whose process ended before it was done, for a broken CUDA context or by a signal, is begun
again and goes on behind the step that ended it.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.gpu.journal import Journal
from bench.gpu.machine import state
from bench.gpu.plans import BESIDE, SERVICE, Plan
from bench.gpu.processes import ROOT

LOST = 3  # a part's exit code: the device does not answer it
MARGIN_S = 4.0  # of a run, to say what was found
_RESTARTS = 3  # of one part
_SERVING = "bench.gpu.serving"  # it says by its exit code that a step failed
_POLL_S = 0.05
_TAIL = 300  # characters
_GRACE_S = 2.0


@dataclass(frozen=True, slots=True)
class Run:
    """
    Where a run writes, and how.

    Attributes:
        file: Of its lines; others lie beside it.
        rehearse: Whether nothing is computed.
        before: Folder of an earlier run's results.
    """

    file: Path
    rehearse: bool = False
    before: Path | None = None


class Part:
    """
    A part and its process.

    Args:
        name: Of the part.
        run: That it belongs to.
        ends_s: When it is ended, on the monotonic clock.
    """

    def __init__(self, name: str, run: Run, ends_s: float):
        self._name, self._run, self._ends_s = name, run, ends_s
        self._journal, self._starts = Journal(run.file, name), 0
        self._process = self._start()

    def goes_on(self) -> bool:
        """Look after it; returns whether there is more to wait for."""
        code = self._process.poll()
        if code == 0:
            return False
        left_s = self._ends_s - time.monotonic()
        if code is None:
            if left_s > 0:
                return True
            self.end()
            self._journal.write("end", error="was ended: its time was over")
            return False
        error = f"exit code {code}; {self._complaint()}"
        self._journal.write("end", error=error, starts=self._starts)
        if self._name == SERVICE or self._starts > _RESTARTS or left_s < 2 * MARGIN_S:
            return False
        self._process = self._start(*([] if code == LOST else ["--crashed"]))
        return True

    def end(self) -> None:
        """End it and all that it started."""
        for number, wait_s in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, _GRACE_S)):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(wait_s)

    def _complaint(self) -> str:
        """What was written to standard error last, by this part or one beside it."""
        return self._run.file.with_suffix(".err").read_text(errors="replace")[-_TAIL:].strip()

    def _start(self, *more: str) -> subprocess.Popen[bytes]:
        self._starts += 1
        command = [sys.executable, "-m", *self._program(), *more]
        interpreted = {"TRITON_INTERPRET": "1"} if self._name in BESIDE.values() else {}
        # Its own process group, to be ended with all that it starts.
        with self._run.file.with_suffix(".err").open("ab") as errors:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **interpreted},
                stderr=errors,
                process_group=0,
            )

    def _program(self) -> list[str]:
        run, file = self._run, str(self._run.file)
        if self._name == SERVICE:
            left_s = self._ends_s - time.monotonic()
            device = "cpu" if run.rehearse else "cuda"
            return [_SERVING, file, "--seconds", f"{left_s - MARGIN_S:.1f}", "--device", device]
        # The monotonic clock is the system's: it runs on while the process is starting.
        options = ["--until", f"{self._ends_s:.2f}", *(["--rehearse"] if run.rehearse else [])]
        options += ["--before", str(run.before)] if run.before else []
        return ["bench.gpu.part", self._name, file, *options]


def run_plan(plan: Plan, run: Run) -> None:
    """Run all stages; returns when the last one has ended, or the plan's time is over."""
    journal = Journal(run.file, "run")
    ends_s = time.monotonic() + plan.limit_s - MARGIN_S
    signal.signal(signal.SIGTERM, _end)
    journal.write("begins", limit_s=plan.limit_s, rehearsed=run.rehearse)
    for number, stage in enumerate(plan.stages):
        began_s = time.monotonic()
        journal.write(f"stage {number}", parts=list(stage), state=state())
        _run_stage(stage, run, journal, ends_s)
        seconds = round(time.monotonic() - began_s, 1)
        journal.write(f"stage {number} ended", seconds=seconds)
    journal.write("ends", state=state())


def _run_stage(stage: dict[str, float], run: Run, journal: Journal, ends_s: float) -> None:
    parts = []
    try:
        for name, limit_s in _with_interpreter(stage, run).items():
            if (now_s := time.monotonic()) + 2 * MARGIN_S > ends_s:
                journal.write(name, skipped="deadline")
            else:
                parts.append(Part(name, run, min(ends_s, now_s + limit_s)))
        waiting = parts
        while waiting:
            time.sleep(_POLL_S)
            waiting = [part for part in waiting if part.goes_on()]
    finally:
        for part in parts:
            part.end()


def _with_interpreter(stage: dict[str, float], run: Run) -> dict[str, float]:
    if not run.rehearse:
        return stage
    return stage | {BESIDE[name]: limit for name, limit in stage.items() if name in BESIDE}


def _end(number: int, frame: object) -> None:
    raise SystemExit(128 + number)
