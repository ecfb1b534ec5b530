"""What the figures were measured on."""

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch


@dataclass(frozen=True, slots=True)
class Machine:
    """
    The machine, and when.

    Attributes:
        cpu: The processor's name.
        cores: Of them, those that this process may run on.
        python: Version.
        torch: Version.
        load: Mean number of processes that ran over the minute before timing, this one included;
            None where the system does not tell. Time on a machine with other work is worth little.
        date: UTC, to the minute.
    """

    cpu: str
    cores: int
    python: str
    torch: str
    load: float | None
    date: str


def this_machine() -> Machine:
    """Look around, right before timing."""
    return Machine(
        cpu=_cpu_name(),
        cores=len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
        python=platform.python_version(),
        torch=torch.__version__,
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"
