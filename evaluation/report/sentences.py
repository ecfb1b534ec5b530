"""
The frontier in a sentence: which family is the most accurate, from which cost to which.

Families are alike where the difference is within the noise (`evaluation.report.frontier`). A change
of lead at costs that cannot be told apart is none, and a family's lead over less than a tenth of
the cost is not told: a grid of shapes has many, and nobody chooses by them. Families that no
stretch names are named after them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from evaluation.report.frontier import Measure, clearly_more_accurate, frontier
from evaluation.report.points import Point

LEAST_SPAN = 1.1  # end over start of a lead that is told


@dataclass(frozen=True, slots=True)
class Stretch:
    """
    A range of costs in which the same families lead.

    Attributes:
        start: The point at whose cost it begins; it ends where the next one begins.
        families: The most accurate first, then those alike.
    """

    start: Point
    families: tuple[str, ...]


def sentence(points: Sequence[Point], measure: Measure) -> str:
    """Say who leads where; and plainly, where no FFF is on the frontier."""
    points = measure.known(points)
    if len({point.family for point in points}) == 1:
        return f"By {measure.title}: {_ends(points, measure)}. Nothing else was measured."
    told = stretches(points, measure)
    text = f"By {measure.title}: {_leads(told, measure)}.{_also(points, told, measure)}"
    if not any(point.is_fff for point in points):
        return f"{text} No FFF was measured."
    if not any(point.is_fff for point in frontier(points, measure)):
        return f"{text} No FFF is on this frontier: each is beaten at its cost."
    return text


def _ends(points: Sequence[Point], measure: Measure) -> str:
    """Of one family, the cheapest and the most accurate on the frontier."""
    on = frontier(points, measure)
    least, best = on[0], max(on, key=lambda point: point.rank)
    cheapest, accurate = (
        f"{point.label}, {_number(measure.cost(point))} {measure.unit}, "
        f"{point.merit.text(point.quality.mean)}"
        for point in (least, best)
    )
    if least is best:
        return f"{best.family} {accurate}"
    return f"{best.family} from the cheapest ({cheapest}) to the most accurate ({accurate})"


def stretches(points: Sequence[Point], measure: Measure) -> list[Stretch]:
    """
    Ranges of costs by who leads, cheapest first.

    A family that is among the leaders over a tenth of the cost or more without a break is in one of
    them, whoever else comes and goes beside it.
    """
    on = frontier(points, measure)
    found = [Stretch(point, _leading(points, measure, measure.cost(point))) for point in on]
    told = _merged(found)
    while narrow := [run for run in _runs(told) if _is_narrow(told, run, measure)]:
        told = _without(told, min(narrow, key=lambda run: _span(told, run, measure)))
    return _without_overlaps(told, measure)


@dataclass(frozen=True, slots=True)
class _Run:
    """A family that is in one stretch after the other, from number `first` to before `end`."""

    family: str
    first: int
    end: int


def _runs(found: Sequence[Stretch]) -> list[_Run]:
    """Every family's runs, each as long as it can be."""
    begun: dict[str, int] = {}
    runs: list[_Run] = []
    for number, families in enumerate([*(stretch.families for stretch in found), ()]):
        ended = [family for family in begun if family not in families]
        runs += [_Run(family, begun.pop(family), number) for family in ended]
        begun = dict.fromkeys(families, number) | begun
    return runs


def _span(found: Sequence[Stretch], run: _Run, measure: Measure) -> float:
    """End over start of a run's costs; the last one has no end."""
    if run.end == len(found):
        return math.inf
    return measure.cost(found[run.end].start) / measure.cost(found[run.first].start)


def _is_narrow(found: Sequence[Stretch], run: _Run, measure: Measure) -> bool:
    if _span(found, run, measure) < LEAST_SPAN:
        return True
    if run.end == len(found):
        return False
    return not measure.clearly_cheaper(found[run.first].start, found[run.end].start)


def _without(found: Sequence[Stretch], run: _Run) -> list[Stretch]:
    """The stretches without a run; the one before it goes on where nobody else leads."""
    left = list(found[: run.first])
    for stretch in found[run.first : run.end]:
        others = tuple(family for family in stretch.families if family != run.family)
        if others:
            left.append(replace(stretch, families=others))
    return _merged([*left, *found[run.end :]])


def _without_overlaps(told: list[Stretch], measure: Measure) -> list[Stretch]:
    """Drop narrow stretches whose families are told beside them, the narrowest first."""
    while narrow := [
        run
        for number, stretch in enumerate(told)
        if _is_narrow(told, run := _Run("", number, number + 1), measure)
        and {*stretch.families} <= _beside(told, number)
    ]:
        del told[min(narrow, key=lambda run: _span(told, run, measure)).first]
        told = _merged(told)
    return told


def _beside(told: Sequence[Stretch], number: int) -> set[str]:
    near = [*told[max(0, number - 1) : number], *told[number + 1 : number + 2]]
    return {family for stretch in near for family in stretch.families}


def _merged(found: Sequence[Stretch]) -> list[Stretch]:
    """Stretches of the same families in a row as one."""
    merged: list[Stretch] = []
    for stretch in found:
        if not merged or {*merged[-1].families} != {*stretch.families}:
            merged.append(stretch)
    return merged


def _also(points: Sequence[Point], told: Sequence[Stretch], measure: Measure) -> str:
    """Families on the frontier that no stretch names, each by its most accurate point there."""
    named = {family for stretch in told for family in stretch.families}
    others: dict[str, Point] = {}
    for point in sorted(frontier(points, measure), key=lambda p: p.rank):
        if point.family not in named:
            others[point.family] = point
    if not others:
        return ""
    shown = ", ".join(map(_shown, others.values()))
    return f" Also on it, narrowly: {shown}."


def _leading(points: Sequence[Point], measure: Measure, budget: float) -> tuple[str, ...]:
    """Families with a point within the budget that no other there clearly exceeds."""
    within = [point for point in points if measure.cost(point) <= budget]
    best = max(within, key=lambda point: point.rank)
    alike = [point for point in within if not clearly_more_accurate(best, point)]
    alike.sort(key=lambda point: -point.rank)
    return tuple(dict.fromkeys(point.family for point in alike))


def _leads(found: Sequence[Stretch], measure: Measure) -> str:
    first = _who(found[0].families, verb=True)
    if len(found) == 1:
        return f"{first} at every cost"
    starts = [_number(measure.cost(stretch.start)) for stretch in found]
    later = [_who(stretch.families, verb=False) for stretch in found[1:]]
    parts = [f"up to {starts[1]} {measure.unit} {first}"]
    parts += [f"from there to {end} {who}" for who, end in zip(later, starts[2:], strict=False)]
    return "; ".join([*parts, f"from there on {later[-1]}"])


def _who(families: Sequence[str], verb: bool) -> str:
    if len(families) == 1:
        return f"{families[0]}{' is most accurate' if verb else ''}"
    named = f"{', '.join(families[:-1])} and {families[-1]}"
    return f"{named}{' are most accurate' if verb else ''} (alike within the noise)"


def _shown(point: Point) -> str:
    return f"{point.family} {point.label}"


def _number(cost: float) -> str:
    return f"{cost:,.0f}" if cost >= 100 else f"{cost:.3g}"
