"""
Timing sides that alternate: a machine whose speed drifts then drifts under all of them.

Each round times every side once, as a block of calls long enough for the clock; the figure of a
side is the median of its rounds. Wall-clock time only: processor time hides waiting.
"""

import math
import time
from collections.abc import Callable, Mapping
from statistics import median

MIN_ROUNDS = 3
MAX_ROUNDS = 100  # medians have settled long before
BLOCK_S = 0.002  # perf_counter resolves well below a microsecond: 0.1 % of a block at most


def median_call_s(sides: Mapping[str, Callable[[], object]], budget_s: float) -> dict[str, float]:
    """
    Time every side in turn until the time is spent.

    Args:
        sides: Calls that return when their work is done.
        budget_s: For all sides together; the least number of rounds may exceed it.

    Returns:
        Seconds of one call of each.
    """
    deadline_s = time.perf_counter() + budget_s
    calls = {name: _calls_for_a_block(call) for name, call in sides.items()}
    rounds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(MAX_ROUNDS):
        if number >= MIN_ROUNDS and time.perf_counter() > deadline_s:
            break
        for name, call in sides.items():
            rounds[name].append(_block_s(call, calls[name]) / calls[name])
    return {name: median(times) for name, times in rounds.items()}


def _calls_for_a_block(call: Callable[[], object]) -> int:
    call()  # warm
    once_s = _block_s(call, 1)
    return max(1, math.ceil(BLOCK_S / once_s))


def _block_s(call: Callable[[], object], calls: int) -> float:
    started_s = time.perf_counter()
    for _ in range(calls):
        call()
    return time.perf_counter() - started_s
