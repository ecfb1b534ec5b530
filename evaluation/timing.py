"""
The time that networks take for a row, measured so that none is favoured: a pair, or any number.

Time is the backends' alone: float rows in, prediction out. All take turns within every round, so
that a machine that slows down slows all, and go first by turns; every call gets rows of its own,
so that no path and no leaf is hot merely because the last call took it. A pair's speed-up is the
median of the rounds' ratios; where these are further from each other than it is from 1, no
difference was seen.

Wall-clock time: it holds waiting for threads and for memory, which processor time hides. What is
freed is kept, as where networks are served: hidden layers of 4,096 rows, faulted in anew by every
call, took a perceptron twice its time (2026-11-28).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import quantiles
from time import perf_counter, sleep
from typing import Protocol

import torch
from torch import Tensor

from fff.backends import Backend
from fff.comparison import speedup, turns
from fff.malloc import keep_freed_memory
from fff.torch_threads import torch_threads

MIN_ROUNDS, MAX_ROUNDS = 16, 800  # even, so that both sides go first as often
BUDGET_S = 1.0  # of a side at a batch size; the least number of rounds may exceed it
# At least, of a side, or of the slower one of a pair: thousands of times the clock's own 0.1 us.
TURN_S = 0.001
REST_S = 0.008  # OpenMP threads of the turn before spin for 2 to 7 ms (torch 2.13, 2026-11-24)


class Computes(Protocol):
    """What is timed: it takes rows, `[n, i]` float32, and gives its answers."""

    @property
    def name(self) -> str: ...

    def infer(self, x: Tensor) -> object: ...


Backends = tuple[Backend, Backend]
Inputs = tuple[Tensor, Tensor]
Order = Sequence[int]
"""Sides in the order of their turns."""


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


@dataclass(frozen=True, slots=True)
class RowTime:
    """
    Compute time of one network at one batch size, in microseconds per row.

    Attributes:
        batch_rows: Rows computed at once.
        median_us: Over the rounds.
        low_us: The rounds' lower quartile.
        high_us: Their upper quartile.
        rounds: Rounds timed.
    """

    batch_rows: int
    median_us: float
    low_us: float
    high_us: float
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
    keep_freed_memory()
    with torch_threads(threads):
        # Both make as many calls in a turn as the slower one needs, so that they see the same rows.
        calls = [min(_calls_of_a_turn(backends, inputs, batch_rows))] * 2
        rounds_s = _rounds_s(
            backends, inputs, batch_rows, calls, turns(MAX_ROUNDS), _rest_s(threads)
        )
    ratio = speedup(*rounds_s)
    us_per_row = 1e6 / (calls[0] * batch_rows)
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


def time_all(
    backends: Sequence[Computes], inputs: Sequence[Tensor], batch_rows: int, threads: int
) -> list[RowTime]:
    """
    Time any number of networks at one batch size, all in turn within every round.

    Args:
        backends: At least one; each computes with `threads` threads.
        inputs: Rows of each, `[n, i]`, float32; used again where there are too few.
        batch_rows: Rows computed at once.
        threads: PyTorch's, meanwhile.
    """
    keep_freed_memory()
    with torch_threads(threads):
        calls = _calls_of_a_turn(backends, inputs, batch_rows)
        orders = turns_of_many(len(backends), MAX_ROUNDS)
        rounds_s = _rounds_s(backends, inputs, batch_rows, calls, orders, _rest_s(threads))
    return [
        _row_time([s * 1e6 / (n * batch_rows) for s in of_side], batch_rows)
        for of_side, n in zip(rounds_s, calls, strict=True)
    ]


def turns_of_many(sides: int, rounds: int) -> Iterator[Order]:
    """
    Order any number of sides so that none is favoured: there and back, from the next one each time.

    As in `fff.comparison.turns` the first round is a warm-up, not to be counted. Over `2 * sides`
    rounds each side has every place as often, and follows itself as often.

    Yields:
        The order of `rounds + 1` rounds, the warm-up first.
    """
    for number in range(rounds + 1):
        first = number // 2 % sides
        there = [(first + place) % sides for place in range(sides)]
        yield there[::-1] if number % 2 else there


def _row_time(rounds_us: Sequence[float], batch_rows: int) -> RowTime:
    low, middle, high = quantiles(rounds_us, n=4, method="inclusive")
    return RowTime(batch_rows, middle, low, high, len(rounds_us))


def _rest_s(threads: int) -> float:
    return REST_S if threads > 1 else 0.0


def _rounds_s(
    backends: Sequence[Computes],
    inputs: Sequence[Tensor],
    batch_rows: int,
    calls: Sequence[int],
    orders: Iterable[Order],
    rest_s: float,
) -> list[list[float]]:
    """Seconds of each side's turns, each of `calls` calls, without the warm-up."""
    deadline_s = perf_counter() + BUDGET_S * len(backends)
    rounds_s: list[list[float]] = [[] for _ in backends]
    for number, order in enumerate(orders):
        for side in order:
            of_round = range(number * calls[side], (number + 1) * calls[side])
            batches = [_batch(inputs[side], at, batch_rows) for at in of_round]
            sleep(rest_s)
            rounds_s[side].append(_calls_s(backends[side], batches))
        # The first round is a warm-up; `number` have been counted.
        if number >= MIN_ROUNDS and number % 2 == 0 and perf_counter() > deadline_s:
            break
    return [of_side[1:] for of_side in rounds_s]


def _calls_of_a_turn(
    backends: Sequence[Computes], inputs: Sequence[Tensor], batch_rows: int
) -> list[int]:
    """As many for each side as take it `TURN_S`; the first also warm up."""
    quickest_s = [
        min(_calls_s(backend, [_batch(x, number, batch_rows)]) for number in range(3))
        for backend, x in zip(backends, inputs, strict=True)
    ]
    return [max(1, math.ceil(TURN_S / seconds)) for seconds in quickest_s]


def _calls_s(backend: Computes, batches: Sequence[Tensor]) -> float:
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
