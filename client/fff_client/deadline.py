"""The end of a call, and how much time the service is told to be left."""

import math
from typing import NamedTuple

TICKS = 64
"""
Deadlines are sent rounded up to this fraction of `timeout_s`: requests of one shape then have the
same JSON part, which client and service remember.
"""


class Deadline(NamedTuple):
    """
    The end of a call.

    Attributes:
        at_s: On the clock of `Calls`.
        timeout_s: From the call's start, which is `at_s` less this.
    """

    at_s: float
    timeout_s: float

    def left_us(self, now_s: float) -> int:
        """Microseconds from `now_s` to the end, rounded up as `TICKS` says, at least 1."""
        ticks = min(math.ceil((self.at_s - now_s) / self.timeout_s * TICKS), TICKS)
        return max(1, round(ticks / TICKS * self.timeout_s * 1e6))
