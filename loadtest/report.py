"""
A load test's figures: what each side's legs amount to, as numbers and as JSON.

A side's legs are pooled: percentiles are of all its requests, means of all its time. The
slowest and fastest leg stand beside its rate, since their distance is what a difference
between the sides must exceed to mean anything.
"""

import math
from collections import Counter
from dataclasses import dataclass
from functools import reduce
from operator import add

from loadtest.harness.exposition import ServerCounts
from loadtest.locust_leg import ClientCounts, Side


@dataclass(frozen=True, slots=True)
class SideLeg:
    """One side under load once, as its users and as the service counted it."""

    side: Side
    model: str
    client: ClientCounts
    server: ServerCounts

    @property
    def requests_per_s(self) -> float:
        return self.client.requests / self.client.seconds


@dataclass(frozen=True, slots=True)
class SideFigures:
    """All legs of one side. None where nothing was counted; the share is of one core."""

    side: Side
    model: str
    requests: int
    failures: int
    requests_per_s: float
    slowest_leg_requests_per_s: float
    fastest_leg_requests_per_s: float
    rows_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    queue_ms: float | None
    compute_ms: float | None
    rows_per_batch: float | None
    generator_cpu_share: float


def percentile(counts: Counter[float], share: float) -> float:
    """Smallest value that at least `share` of the counted are at most (nearest rank)."""
    rank = math.ceil(share * counts.total())
    for value in sorted(counts):
        rank -= counts[value]
        if rank <= 0:
            return value
    raise ValueError("a percentile needs at least one value and a share of at most 1")


def pool(legs: list[SideLeg], rows: int) -> SideFigures:
    """
    Sum up one side.

    Args:
        legs: All of the same side, at least one.
        rows: In each request, so that failed requests can be left out of `rows_per_s`.
    """
    requests = sum(leg.client.requests for leg in legs)
    failures = sum(leg.client.failures for leg in legs)
    seconds = sum(leg.client.seconds for leg in legs)
    times_ms = reduce(add, (leg.client.response_ms for leg in legs))
    server = reduce(add, (leg.server for leg in legs))
    return SideFigures(
        side=legs[0].side,
        model=legs[0].model,
        requests=requests,
        failures=failures,
        requests_per_s=requests / seconds,
        slowest_leg_requests_per_s=min(leg.requests_per_s for leg in legs),
        fastest_leg_requests_per_s=max(leg.requests_per_s for leg in legs),
        rows_per_s=(requests - failures) * rows / seconds,
        p50_ms=percentile(times_ms, 0.50),
        p95_ms=percentile(times_ms, 0.95),
        p99_ms=percentile(times_ms, 0.99),
        queue_ms=server.queue_ms,
        compute_ms=server.compute_ms,
        rows_per_batch=server.rows_per_batch,
        generator_cpu_share=sum(leg.client.generator_cpu_s for leg in legs) / seconds,
    )


def pool_sides(legs: list[SideLeg], rows: int) -> list[SideFigures]:
    """Sum up both sides, the dense one first: it is what the other is measured against."""
    sides: tuple[Side, ...] = ("dense", "fff")
    return [pool([leg for leg in legs if leg.side == side], rows) for side in sides]


def errors(legs: list[SideLeg]) -> Counter[str]:
    """Count every failure's text over all legs."""
    return sum((leg.client.errors for leg in legs), Counter())
