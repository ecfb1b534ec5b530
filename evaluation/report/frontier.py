"""
The frontier: points that no other point beats, by one measure of cost.

Another point beats one if it is at least as good and at most as costly, and better in one of the
two by more than the noise. A difference within the noise beats nobody: of accuracy or error, one
below two standard errors of the difference of the means; of time, one where the middle halves of
the rounds overlap. FLOPs and bytes are counted and have no noise.

Of two populations that are equal, two standard errors tell pairs of means apart in 18 % of the
cases with 2 seeds each, in 12 % with 3, in 8 % with 5 (one: in 42, 37 and 35 %; normal, simulated,
2026-11-27), and single seeds in 5 %, if nothing but the counting of right answers differs.

Beating never goes in a circle: who beats is as good in both and better in one. So a frontier always
has a point. It is no order: of time, A may beat B, and B beat C, where A and C overlap.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evaluation.report.points import Point
from evaluation.timing import RowTime


@dataclass(frozen=True, slots=True)
class Measure:
    """
    One measure of cost.

    Attributes:
        name: In `report.json` and `report.csv`.
        title: In tables, pictures and sentences.
        unit: After a number in a sentence.
        cost: Of a point, in units of its own, above 0; of one of which it is known.
        spread: Lower and upper quartile; of what is counted twice the count.
        is_known: Whether a point has this cost: nobody counts the FLOPs of a rival's library.
    """

    name: str
    title: str
    unit: str
    cost: Callable[[Point], float]
    spread: Callable[[Point], tuple[float, float]]
    is_known: Callable[[Point], bool]

    def known(self, points: Sequence[Point]) -> list[Point]:
        """Points that have this cost."""
        return [point for point in points if self.is_known(point)]

    def clearly_cheaper(self, point: Point, other: Point) -> bool:
        """Whether a point costs less than another by more than the noise."""
        return self.spread(point)[1] < self.spread(other)[0]


def _timed(name: str, title: str, time: Callable[[Point], RowTime]) -> Measure:
    def quartiles(point: Point) -> tuple[float, float]:
        return time(point).low_us, time(point).high_us

    def median(point: Point) -> float:
        return time(point).median_us

    return Measure(name, title, "µs a row", median, quartiles, lambda point: True)


def _counted(name: str, title: str, unit: str, count: Callable[[Point], int | None]) -> Measure:
    def known(point: Point) -> int:
        counted = count(point)
        assert counted is not None, "only points that have this cost are asked. This is a bug."
        return counted

    return Measure(
        name,
        title,
        unit,
        known,
        lambda point: (known(point), known(point)),
        lambda point: count(point) is not None,
    )


STANDARD_ERRORS = 2
"""Of a difference of two means: below it is noise."""

MEASURES = (
    _timed("us_batch_1", "µs a row, batch 1", lambda point: point.cost.batch_1),
    _timed("us_batch_64", "µs a row, batch 64", lambda point: point.cost.batch_64),
    _timed("us_batch_4096", "µs a row, batch 4,096", lambda point: point.cost.batch_4096),
    _counted("flops_per_row", "FLOPs a row", "FLOPs a row", lambda p: p.cost.flops_per_row),
    _counted("bytes_per_row", "bytes a row", "bytes a row", lambda p: p.cost.bytes_per_row),
)


def clearly_more_accurate(point: Point, other: Point) -> bool:
    """Whether a point is more accurate, or errs less, than another by more than the noise."""
    difference = point.rank - other.rank
    return difference > 0 and difference >= STANDARD_ERRORS * math.hypot(point.error, other.error)


def beats(point: Point, other: Point, measure: Measure) -> bool:
    """Whether a point makes another needless; both have the measure's cost."""
    if point.rank < other.rank:
        return False
    if measure.cost(point) > measure.cost(other):
        return False
    return clearly_more_accurate(point, other) or measure.clearly_cheaper(point, other)


def frontier(points: Sequence[Point], measure: Measure) -> list[Point]:
    """Those with this cost that no other beats, cheapest first."""
    points = measure.known(points)
    kept = [p for p in points if not any(beats(other, p, measure) for other in points)]
    return sorted(kept, key=lambda p: (measure.cost(p), p.rank))
