"""
A service on one device: begun at once, awaited when it is needed, so that several start together.

It is run as a module: where there is a GPU there are a checkout and wheels, and no console script.
"""

import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from loadtest.harness.service_process import ServiceProcess

COMMAND = ("service.cli.main",)
KEY = "loopback"
DEADLY = 13.5
"""The first number of a request that breaks a device (`altered`)."""


class DeviceService(ServiceProcess):
    """
    `python -m service.cli.main serve` on a device.

    Args:
        store: Folder of models.
        device: `cpu` or `cuda`.
        settings: More `FFF_*` variables.
        program: Module and arguments before `serve`.

    Attributes:
        ready_s: Seconds from its begin until it was seen to be ready.
    """

    def __init__(
        self,
        store: Path,
        device: str,
        settings: Mapping[str, str] | None = None,
        program: Sequence[str] = COMMAND,
    ):
        self._module = program
        fixed = {"FFF_DEVICE": device, "FFF_ADMIN_KEY": KEY}
        super().__init__({**fixed, **(settings or {})}, store)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (its life is the process's)
        self.ready_s: float | None = None

    def _program(self) -> list[str]:
        return [sys.executable, "-m", *self._module]

    def begin(self) -> None:
        """Start it, and do not wait."""
        self._begun_s = time.monotonic()
        self._start()

    def await_ready(self, limit_s: float) -> None:
        """
        Wait until it is ready.

        Raises:
            LoadTestError: If it is not ready in time, or has ended; with the end of its log.
        """
        if self.ready_s is None:
            self._start_limit_s = limit_s
            self._await_ready()
            self.ready_s = time.monotonic() - self._begun_s

    def end(self) -> int:
        """Send SIGTERM, or wait for the end under way; returns the exit code."""
        return self._end()

    def await_end(self, limit_s: float) -> int:
        """Wait for an end that nobody asked for; raises `subprocess.TimeoutExpired`."""
        return self._process.wait(limit_s)

    def log(self) -> list[str]:
        """What it has written so far, by lines."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode(errors="replace").splitlines()

    def close(self) -> None:
        """Let go of its log, which nobody reads any more."""
        self._log.close()

    def complaints(self) -> list[str]:
        """Its warnings and errors."""
        return [line for line in self.log() if " WARNING " in line or " ERROR " in line]
