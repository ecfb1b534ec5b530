"""
Timing sides that alternate: a machine whose speed drifts then drifts under all of them.

Warm: each round times every side once, as a block of calls long enough for the clock. Other
sides have used the caches since, so a block begins with calls off the clock: as many as it takes
to touch what the side's calls touch. Cold: one call at a time, everything else read out of the
caches before it, this process's own code and stacks too.

Wall-clock time only: processor time hides waiting. Freed memory is kept, as where networks are
served (`fff.malloc`).
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from fff.malloc import keep_freed_memory

Call = Callable[[], object]
MIN_ROUNDS = 3
MAX_ROUNDS = 100  # medians have settled long before
BLOCK_S = 0.002  # perf_counter resolves well below a microsecond: 0.1 % of a block at most
REST_S = 0.008  # OpenMP threads of the side before spin for 2 to 7 ms (torch 2.13, 2026-11-24)
MOST_WARMING_S = 0.1


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class TimedCall:
    """
    One side of a comparison, to be timed.

    Attributes:
        call: Returns when its work is done.
        lap: Calls after which the next touch nothing new.
        prepare: Called before each block, off the clock.
    """

    call: Call
    lap: int = 1
    prepare: Call = _nothing


def warm_call_s(sides: Mapping[str, TimedCall], budget_s: float) -> dict[str, float]:
    """
    Time every side in turn until the time is spent.

    Args:
        sides: By name; the order is theirs in each round.
        budget_s: Seconds for all sides together; the least number of rounds may exceed it.

    Returns:
        Seconds of one call of each: the median round.
    """
    keep_freed_memory()
    deadline_s = time.perf_counter() + budget_s
    calls = {name: _calls_for_a_block(side) for name, side in sides.items()}
    rounds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(MAX_ROUNDS):
        if number >= MIN_ROUNDS and time.perf_counter() > deadline_s:
            break
        for name, side in sides.items():
            _warm(side)
            rounds[name].append(_block_s(side.call, calls[name]) / calls[name])
    return {name: median(times) for name, times in rounds.items()}


def cold_call_s(
    sides: Mapping[str, TimedCall], flush: Call, rounds: int
) -> tuple[dict[str, float], float]:
    """
    Time single calls after a flush of the caches.

    Args:
        sides: By name, called before.
        flush: Puts everything out of the caches.
        rounds: Calls of each side.

    Returns:
        Seconds of one call of each and of one flush: the medians.
    """
    keep_freed_memory()
    times: dict[str, list[float]] = {name: [] for name in sides}
    flushes: list[float] = []
    for _ in range(rounds):
        for name, side in sides.items():
            side.prepare()
            time.sleep(REST_S)
            flushes.append(_block_s(flush, 1))
            times[name].append(_block_s(side.call, 1))
    return {name: median(each) for name, each in times.items()}, median(flushes)


def _warm(side: TimedCall) -> None:
    side.prepare()
    time.sleep(REST_S)
    deadline_s = time.perf_counter() + MOST_WARMING_S
    for _ in range(side.lap):
        side.call()
        if time.perf_counter() > deadline_s:
            break


def _calls_for_a_block(side: TimedCall) -> int:
    side.prepare()
    side.call()
    return max(1, math.ceil(BLOCK_S / _block_s(side.call, 1)))


def _block_s(call: Call, calls: int) -> float:
    started_s = time.perf_counter()
    for _ in range(calls):
        call()
    return time.perf_counter() - started_s
