"""
A service of our own for the length of a measurement: started, awaited, ended by SIGTERM.

It listens on a free loopback port and ends with the block that started it. An end other than
exit code 0 is an error: a service that cannot stop properly loses requests when it is updated.
"""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from loadtest.harness.errors import LoadTestError
from loadtest.harness.service_api import get

START_LIMIT_S = 60
STOP_LIMIT_S = 30
LOG_LINES = 10


class ServiceProcess:
    """
    `fff-serve serve` as a context manager.

    Args:
        settings: `FFF_*` variables on top of this process's own.
        store: Folder of models; None serves the demo models.
        start_limit_s: Seconds after which it must be ready.

    Attributes:
        url: Scheme, host and port; the port was free when this was made.
    """

    NAME = "the service"  # in errors

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        store: Path | None = None,
        start_limit_s: float = START_LIMIT_S,
    ):
        port = free_port()
        self._start_limit_s = start_limit_s
        self._ready_path = "/readyz"
        self.url = f"http://127.0.0.1:{port}"
        self._command = [*self._program(), "serve", "--host", "127.0.0.1", "--port", str(port)]
        self._command += ["--store", str(store)] if store else []
        self._environment = os.environ | dict(settings or {})
        if store is None:  # the default is the demo then, and the user's own is left alone
            self._environment["XDG_DATA_HOME"] = _data_home()

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (its life is the process's)
        self._start()
        try:
            self._await_ready()
        except BaseException:
            self._end()
            self._log.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        died = self._process.poll() is not None
        code = self._end()
        with self._log:
            self._check_end(code, died, exc)

    def cpu_s(self) -> float:
        """
        Processor time so far of the process and all its threads, user and system.

        Raises:
            LoadTestError: If it has ended and was waited for.
        """
        try:
            return cpu_s(psutil.Process(self.pid))
        except psutil.NoSuchProcess:
            raise self._error("has ended, and its processor time is known to nobody") from None

    def settle(self) -> None:
        """
        Ask whether it is ready, which is answered once earlier requests are.

        Raises:
            LoadTestError: If it does not answer.
        """
        get(f"{self.url}{self._ready_path}")

    def _program(self) -> list[str]:
        """The command's words before its own."""
        return [_executable()]

    def _start(self) -> None:
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=self._log, stderr=subprocess.STDOUT
        )

    def _await_ready(self) -> None:
        deadline_s = time.monotonic() + self._start_limit_s
        while time.monotonic() < deadline_s:
            if self._process.poll() is not None:
                code = self._process.returncode
                raise self._error(f"did not come up: exit code {code}")
            try:
                self.settle()
                return
            except LoadTestError:
                time.sleep(0.05)
        raise self._error(f"was not ready after {self._start_limit_s:g} s")

    def _check_end(self, code: int, died: bool, exc: BaseException | None) -> None:
        """
        Complain of an end that is none to be had.

        Args:
            code: With which it ended.
            died: Whether it had ended before it was asked to.
            exc: What the block raised.
        """
        if died:  # the cause of whatever else went wrong
            raise self._error(f"ended by itself with exit code {code}") from exc
        if exc is None and not self._ended_well(code):
            raise self._error(f"ended on SIGTERM with exit code {code}, not 0")

    def _ended_well(self, code: int) -> bool:
        """Whether SIGTERM ended it with the exit code that it should."""
        return code == 0

    def _end(self) -> int:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _error(self, event: str) -> LoadTestError:
        # pread: the child writes through the same file position, which must not move.
        size = os.fstat(self._log.fileno()).st_size
        log = os.pread(self._log.fileno(), size, 0).decode(errors="replace")
        last = "\n  ".join(log.splitlines()[-LOG_LINES:]) or "(empty)"
        return LoadTestError(f"{self.NAME} {event}; its log ends:\n  {last}")


def cpu_s(process: psutil.Process) -> float:
    """
    Processor time so far of a process and all its threads, user and system.

    Raises:
        psutil.NoSuchProcess: If it has ended and was waited for.
    """
    times = process.cpu_times()
    return float(times.user + times.system)


def free_port() -> int:
    """A TCP port of the loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@cache
def _data_home() -> str:
    """A data folder for the life of this process."""
    folder = tempfile.mkdtemp(prefix="fff-serve-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _executable() -> str:
    beside = Path(sysconfig.get_path("scripts")) / "fff-serve"  # of this virtual environment
    path = str(beside) if beside.exists() else shutil.which("fff-serve")
    if path is None:
        raise LoadTestError("the command fff-serve is not installed; run `make install`")
    return path
