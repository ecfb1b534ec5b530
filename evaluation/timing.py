"""
The time that an FFF and its dense twin take for a row, measured so that neither is favoured.

Time is the backends' alone: float rows in, prediction out. The two take turns within every round,
so that a machine that slows down slows both, and go first by turns (`fff.comparison`); every call
gets rows of its own, so that no path and no leaf is hot merely because the last call took it. The
speed-up is the median of the rounds' ratios; where these are further from each other than it is
from 1, no difference was seen.

Wall-clock time: it holds waiting for threads and for memory, which processor time hides.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter, sleep

import torch
from torch import Tensor

from fff.backends import Backend
from fff.comparison import speedup, turns
from fff.torch_threads import torch_threads

MIN_ROUNDS, MAX_ROUNDS = 16, 800  # even, so that both sides go first as often
BUDGET_S = 2.0  # of a batch size; the least number of rounds may exceed it
TURN_S = 0.001  # at least, of the slower side: thousands of times the clock's own 0.1 us
REST_S = 0.008  # OpenMP threads of the turn before spin for 2 to 7 ms (torch 2.13, 2026-11-24)

Backends = tuple[Backend, Backend]
Inputs = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class Timing:
    """
    Compute time per row at one batch size.

    Attributes:
        batch_rows: Rows computed at once.
        fff_us: Microseconds per row of the FFF, median over the rounds.
        dense_us: Microseconds per row of its twin, likewise.
        speedup: Median of the rounds' ratios, dense over FFF; below 1 the FFF is the slower one.
        speedup_low: The ratios' lower quartile.
        speedup_high: Their upper quartile.
        difference_seen: Whether the quartiles are closer to each other than the speed-up is to 1.
        rounds: Rounds timed.
    """

    batch_rows: int
    fff_us: float
    dense_us: float
    speedup: float
    speedup_low: float
    speedup_high: float
    difference_seen: bool
    rounds: int


def time_pair(backends: Backends, inputs: Inputs, batch_rows: int, threads: int) -> Timing:
    """
    Time both at one batch size.

    Args:
        backends: An FFF's, and its dense twin's; each computes with `threads` threads.
        inputs: The same rows for both, `[n, i]`, float32; used again where there are too few.
        batch_rows: Rows computed at once.
        threads: PyTorch's, meanwhile.
    """
    with torch_threads(threads):
        rounds_s, calls = _rounds_s(backends, inputs, batch_rows, REST_S if threads > 1 else 0.0)
    ratio = speedup(*rounds_s)
    us_per_row = 1e6 / (calls * batch_rows)
    return Timing(
        batch_rows,
        ratio.first_s * us_per_row,
        ratio.second_s * us_per_row,
        ratio.median,
        ratio.low,
        ratio.high,
        ratio.difference_seen,
        len(rounds_s[0]),
    )


def _rounds_s(
    backends: Backends, inputs: Inputs, batch_rows: int, rest_s: float
) -> tuple[tuple[list[float], list[float]], int]:
    """Seconds of each side's turns, without the warm-up; and calls of a turn."""
    calls = _calls_of_a_turn(backends, inputs, batch_rows)
    deadline_s = perf_counter() + BUDGET_S
    rounds_s: tuple[list[float], list[float]] = ([], [])
    for number, order in enumerate(turns(MAX_ROUNDS)):
        for side in order:
            of_round = range(number * calls, (number + 1) * calls)
            batches = [_batch(inputs[side], at, batch_rows) for at in of_round]
            sleep(rest_s)
            rounds_s[side].append(_calls_s(backends[side], batches))
        # The first round is a warm-up; `number` have been counted.
        if number >= MIN_ROUNDS and number % 2 == 0 and perf_counter() > deadline_s:
            break
    return (rounds_s[0][1:], rounds_s[1][1:]), calls


def _calls_of_a_turn(backends: Backends, inputs: Inputs, batch_rows: int) -> int:
    """As many as take the slower side `TURN_S`; the first of both also warm up."""
    quickest_s = [
        min(_calls_s(backend, [_batch(x, number, batch_rows)]) for number in range(3))
        for backend, x in zip(backends, inputs, strict=True)
    ]
    return max(1, math.ceil(TURN_S / max(quickest_s)))


def _calls_s(backend: Backend, batches: Sequence[Tensor]) -> float:
    start_s = perf_counter()
    for batch in batches:
        backend.infer(batch)
    return perf_counter() - start_s


def _batch(x: Tensor, number: int, size: int) -> Tensor:
    """Rows that the call before has not used, `[size, i]`; around if rows run out."""
    start = number * size % len(x)
    if start + size <= len(x):
        return x[start : start + size]
    return x[(torch.arange(size) + start) % len(x)]
