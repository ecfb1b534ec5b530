"""How much of the machine other processes took: on two cores, one of them spoils every figure."""

import os
import time

_IDLE = ("idle", "iowait")  # waiting for a disk keeps no core busy
_WITHIN = ("guest", "guest_nice")  # counted among user and nice already


class Others:
    """Counts from its making on."""

    def __init__(self) -> None:
        self._begun_s, self._busy_s = time.monotonic(), _others_busy_s()

    def cores(self) -> float | None:
        """Mean number of cores that others kept busy; None where nobody says."""
        busy_s = _others_busy_s()
        if busy_s is None or self._busy_s is None:
            return None
        return max(0.0, round((busy_s - self._busy_s) / (time.monotonic() - self._begun_s), 2))


def _others_busy_s() -> float | None:
    try:
        import psutil  # extra `bench`; `fff-serve bench` of a plain installation goes without

        times = psutil.cpu_times()._asdict()
    except (ImportError, OSError):  # OSError: a sandbox that hides the system's counters
        return None
    busy_s = sum(times.values()) - sum(times.get(name, 0.0) for name in (*_IDLE, *_WITHIN))
    return float(busy_s) - sum(os.times()[:4])
