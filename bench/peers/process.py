"""
A serving framework for the length of a measurement, asleep while others are measured.

Some spin when idle (LitServe polls its queue), so between its legs all of a framework's processes
are stopped by signal. They end with the bench, however the bench ends: see `bench.peers.tree`.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from psutil import NoSuchProcess, Process

from bench.peers.settings import MODEL, OWN_SETTINGS, PORT, STORE, Settings
from bench.peers.tree import send, tree
from loadtest.harness.service_process import ServiceProcess, cpu_s

ROOT = Path(__file__).parents[2]
QUIET = {
    "BENTOML_DO_NOT_TRACK": "True",  # it would tell its makers of each start
    "PYTHONPATH": str(ROOT),  # this very source, whatever else is installed
    "NO_COLOR": "1",
}


class FrameworkProcess(ServiceProcess):
    """
    A framework that serves on `url`, as a context manager.

    Args:
        command: Program and arguments; `{port}` in them is replaced.
        ready_path: Answers 200 once it serves.
        store: Folder that holds the model.
        model: Name in the store.
        settings: Read by its adapter with `own_settings`.
    """

    NAME = "the framework"

    def __init__(
        self,
        command: Sequence[str],
        ready_path: str,
        store: Path,
        model: str,
        settings: Settings | None = None,
    ):
        variables = {STORE: str(store), MODEL: model, OWN_SETTINGS: json.dumps(settings or {})}
        super().__init__(QUIET | variables)
        port = self.url.rpartition(":")[2]
        self._environment[PORT] = port
        self._command = [part.replace("{port}", port) for part in command]
        self._ready_path = ready_path
        self._end_was_reported = False

    @contextmanager
    def awake(self) -> Iterator[None]:
        """
        Let it run for a block and no longer.

        Raises:
            LoadTestError: If it has ended by itself. Raised here and not once more at the end:
                those it is compared with go on.
        """
        self._must_run()
        send(tree(self.pid), signal.SIGCONT)
        try:
            yield
        finally:
            self.pause()
            self._must_run()

    def pause(self) -> None:
        """Stop all its processes until `awake`."""
        self._update_leash()
        send(tree(self.pid), signal.SIGSTOP)

    def cpu_s(self) -> float:
        """Processor time of all its processes so far."""
        return sum(map(_cpu_s, tree(self.pid)))

    def _must_run(self) -> None:
        if self._process.poll() is not None:
            self._end_was_reported = True
            raise self._error(f"ended by itself with exit code {self._process.returncode}")

    def _start(self) -> None:
        # A session of its own: Ctrl-C is for the bench, which ends this in good order.
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        leash = [sys.executable, "-m", "bench.peers.tree", str(self._process.pid)]
        self._leash = subprocess.Popen(
            leash, stdin=subprocess.PIPE, cwd=ROOT, text=True, start_new_session=True
        )

    def _await_ready(self) -> None:
        super()._await_ready()
        self._update_leash()  # of the workers it has started by now

    def _update_leash(self) -> None:
        assert self._leash.stdin is not None, "the leash is held by a pipe. This is a bug."
        pids = (str(process.pid) for process in tree(self.pid))
        self._leash.stdin.write(" ".join(pids) + "\n")
        self._leash.stdin.flush()

    def _check_end(self, code: int, died: bool, exc: BaseException | None) -> None:
        if not self._end_was_reported:
            super()._check_end(code, died, exc)

    def _ended_well(self, code: int) -> bool:
        """Several frameworks end on SIGTERM with another exit code than 0."""
        return True

    def _end(self) -> int:
        assert self._leash.stdin is not None, "the leash is held by a pipe. This is a bug."
        self._leash.stdin.close()
        code = self._process.wait()
        self._leash.wait()
        return code


def _cpu_s(process: Process) -> float:
    try:
        return cpu_s(process)
    except NoSuchProcess:
        return 0.0  # it ended since it was listed


def executable(environment: Path, name: str) -> str:
    """Name a command of a virtual environment."""
    return os.fspath(environment / "bin" / name)
