"""What a figure must be read beside: the machine, its load and the day."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def machine() -> dict[str, object]:
    """Name processor, cores and system; nothing that identifies the host."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def describe(facts: dict[str, object]) -> str:
    """Write `machine` on one line."""
    return "{cpu}, {cores} cores, {system}, Python {python}".format(**facts)


def today() -> str:
    """Date and time, UTC, to the minute."""
    return datetime.now(UTC).isoformat(sep=" ", timespec="minutes")


def load_average() -> float:
    """Mean number of runnable processes over the last minute."""
    return round(os.getloadavg()[0], 2)


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"
