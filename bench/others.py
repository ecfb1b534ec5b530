"""How much of the machine other processes took: on two cores, one of them spoils every figure."""

import os
import time
from pathlib import Path

_TICKS = Path("/proc/stat")
_IDLE = slice(3, 5)  # idle and waiting for a disk
_ALL = slice(0, 8)  # without guests, who are counted among users


class Others:
    """Counts from its making on."""

    def __init__(self) -> None:
        self._begun_s, self._busy_s = time.monotonic(), _others_busy_s()

    def cores(self) -> float | None:
        """Mean number of cores that others kept busy; None where the system does not say."""
        busy_s = _others_busy_s()
        if busy_s is None or self._busy_s is None:
            return None
        return max(0.0, round((busy_s - self._busy_s) / (time.monotonic() - self._begun_s), 2))


def _others_busy_s() -> float | None:
    try:
        ticks = [int(field) for field in _TICKS.read_text().split("\n", 1)[0].split()[1:]]
    except OSError:  # not Linux
        return None
    own = os.times()
    busy = (sum(ticks[_ALL]) - sum(ticks[_IDLE])) / os.sysconf("SC_CLK_TCK")
    return busy - sum(own[:4])
