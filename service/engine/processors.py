"""How many processors this process may use: those of its affinity, within its cgroup's quota."""

import logging
import math
import os
from pathlib import Path

from service.settings import Settings

log = logging.getLogger(__name__)

CGROUP = Path("/sys/fs/cgroup")


def warn_of_too_many_threads(settings: Settings) -> None:
    """Log it where more threads are asked for than can run at a time; they are obeyed."""
    processors = usable_processors()
    if settings.compute_threads > processors:
        log.warning(
            "%s is %d, but this process may use %d processor(s): every FFF will have %d threads, "
            "which wait for each other; at most %d can help",
            settings.named("compute_threads"),
            settings.compute_threads,
            processors,
            settings.compute_threads,
            processors,
        )


def usable_processors(cgroup: Path = CGROUP) -> int:
    """
    Count the processors, at least 1; of a quota in part the next whole number.

    Args:
        cgroup: Where the process' own control group is mounted, of version 2 or 1.
    """
    quota = _quota_v2(cgroup) or _quota_v1(cgroup / "cpu") or math.inf
    return max(1, math.ceil(min(_allowed(), quota)))


def _allowed() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota_v2(cgroup: Path) -> float | None:
    """Processors in `cpu.max`, `QUOTA PERIOD` in µs or `max PERIOD`."""
    quota, _, period = _read(cgroup / "cpu.max").partition(" ")
    return int(quota) / int(period) if quota.isdigit() else None


def _quota_v1(cgroup: Path) -> float | None:
    """The same of version 1, where -1 is no quota."""
    quota, period = (_read(cgroup / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    return int(quota) / int(period) if quota.isdigit() else None


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
