"""
At equal error, how much cheaper? The most accurate other network, and the cheapest FFF as good.

Covered:      errors, by each measure of cost; networks, of whichever family.
Not covered:  accuracies, of which the frontier says it; rivals that are no networks, which have no
              FLOPs to be told by.
"""

from collections.abc import Sequence

from evaluation.report.frontier import MEASURES, Measure
from evaluation.report.points import Point

NETWORKS = ("dense", "low_rank", "mixture", "multilayer", "fourier", "siren")


def at_equal_error(points: Sequence[Point]) -> list[str]:
    """A sentence for each measure of cost; none where either side was not measured."""
    fff = [point for point in points if point.is_fff]
    others = [point for point in points if point.family in NETWORKS]
    if not fff or not others or points[0].merit.higher_is_better:
        return []
    return [_sentence(fff, others, measure) for measure in MEASURES]


def _sentence(fff: Sequence[Point], others: Sequence[Point], measure: Measure) -> str:
    best = max(others, key=lambda point: (point.rank, -measure.cost(point)))
    as_good = [point for point in fff if point.rank >= best.rank]
    if as_good:
        cheapest = min(as_good, key=measure.cost)
        ratio = measure.cost(best) / measure.cost(cheapest)
        said = f"{_shown(cheapest, measure)} errs no more than the best other network, "
        return f"{said}{_shown(best, measure)}: {_times(ratio)}"
    ours = max(fff, key=lambda point: (point.rank, -measure.cost(point)))
    cheapest = min((point for point in others if point.rank >= ours.rank), key=measure.cost)
    ratio = measure.cost(ours) / measure.cost(cheapest)
    said = f"{_shown(cheapest, measure)} errs no more than the best FFF, "
    return f"{said}{_shown(ours, measure)}: {_times(ratio)}"


def _times(ratio: float) -> str:
    """How much cheaper the first of two is."""
    less, factor = ratio >= 1, max(ratio, 1 / ratio)
    number = f"{factor:,.0f}" if factor >= 10 else f"{factor:.2g}"
    return f"{number} times {'less' if less else 'more'}."


def _shown(point: Point, measure: Measure) -> str:
    cost = measure.cost(point)
    number = f"{cost:,.0f}" if cost >= 100 else f"{cost:.3g}"
    return (
        f"{point.family} {point.label} ({point.merit.text(point.quality.mean)}, "
        f"{number} {measure.unit})"
    )
