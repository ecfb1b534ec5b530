"""
The report's pictures: accuracy or error over each cost with the frontier, and over depth.

Axes of costs and errors are logarithmic: twice as cheap is as far everywhere. Error bars are the
standard deviation over seeds. Labels that would lie on others are left out; those on the frontier
go first.
"""

import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from evaluation.report.depth import DepthCurve, depth_pictures
from evaluation.report.frontier import MEASURES, Measure
from evaluation.report.labels import Mark, place_labels
from evaluation.report.merit import Merit
from evaluation.report.points import Point
from evaluation.report.report import Report
from evaluation.report.style import MARKERS, PALETTE, QUIET, in_order, look_of
from evaluation.report.svg import as_svg, axes
from evaluation.report.ticks import plain_numbers, space_by_errors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST_SHOWN = 1e-6  # of an error: none has no logarithm
_NAMES_IN_A_COLUMN = 18  # of a legend as high as the picture


def pictures(report: Report) -> dict[str, str]:
    """
    Draw a report.

    Returns:
        SVG by name: one for each measure of cost, and `depth_m8` and the like, one for each master
        width with several depths.

    Raises:
        EvaluationError: If matplotlib is not installed.
    """
    costs = {measure.name: _over_cost(report, measure) for measure in MEASURES}
    curves = depth_pictures(report.points)
    return costs | {name: _over_depth(of_master) for name, of_master in curves.items()}


def _over_cost(report: Report, measure: Measure) -> str:
    on = [report.points[number] for number in report.frontiers[measure.name]]
    drawn, merit = measure.known(report.points), report.merit
    with axes() as (figure, plot):
        plot.set_xscale("log")
        plain_numbers(plot.xaxis, [end for point in drawn for end in measure.spread(point)])
        if not merit.higher_is_better:
            plot.set_yscale("log")
            plain_numbers(plot.yaxis, [max(_shown(point), _LEAST_SHOWN) for point in drawn])
        corners = _steps(on, measure)
        costs, best = zip(*corners, strict=True)
        plot.plot(costs, best, color=QUIET, linewidth=1, label="frontier, its points filled")
        for family in in_order(point.family for point in drawn):
            of_family = [point for point in drawn if point.family == family]
            _family(plot, family, of_family, on, measure)
        plot.set_xlabel(f"{measure.title} (logarithmic)")
        plot.set_ylabel(_axis(merit))
        plot.legend(loc="best", fontsize=9)
        others = [point for point in drawn if not any(point is each for each in on)]
        place_labels(figure, plot, [_mark(point, measure) for point in on + others], corners)
        return as_svg(figure, f"{_name(merit)} over {measure.title}, frontier drawn")


def _axis(merit: Merit) -> str:
    if merit.higher_is_better:
        return f"hard test {merit.name}, {merit.unit}"
    return f"test {merit.name}{f', {merit.unit}' if merit.unit else ''} (logarithmic)"


def _name(merit: Merit) -> str:
    return merit.name[0].upper() + merit.name[1:]


def _better(merit: Merit) -> Callable[[float, float], float]:
    return max if merit.higher_is_better else min


def _steps(on: Sequence[Point], measure: Measure) -> list[tuple[float, float]]:
    """Corners of the best accuracy within each cost: a step at each point that raises it."""
    best = list(accumulate((_shown(point) for point in on), _better(on[0].merit)))
    at = [(measure.cost(point), height) for point, height in zip(on, best, strict=True)]
    before = [(cost, height) for (cost, _), (_, height) in zip(at[1:], at, strict=False)]
    return [at[0], *(corner for step in zip(before, at[1:], strict=True) for corner in step)]


def _family(
    plot: "Axes", family: str, points: Sequence[Point], on: Sequence[Point], measure: Measure
) -> None:
    colour, marker = look_of(family)
    label: str | None = family
    for filled in (True, False):
        shown = [point for point in points if any(point is each for each in on) == filled]
        if not shown:
            continue
        x, y = [measure.cost(point) for point in shown], [_shown(point) for point in shown]
        low, high = zip(*(measure.spread(point) for point in shown), strict=True)
        plot.errorbar(
            x,
            y,
            xerr=_distances(x, low, high),
            yerr=[_deviation(point) for point in shown],
            linestyle="none",
            marker=marker,
            markersize=6,
            color=colour,
            markerfacecolor=colour if filled else "none",
            elinewidth=1,
            label=label,
        )
        label = None  # once in the legend


def _mark(point: Point, measure: Measure) -> Mark:
    middle, deviation = _shown(point), _deviation(point)
    return Mark(
        x=measure.cost(point),
        y=middle,
        across=measure.spread(point),
        along=(middle - deviation, middle + deviation),
        text=point.label,
        colour=look_of(point.family)[0],
    )


def _distances(
    x: Sequence[float], low: Sequence[float], high: Sequence[float]
) -> tuple[list[float], list[float]]:
    below = [max(0.0, middle - least) for middle, least in zip(x, low, strict=True)]
    return below, [max(0.0, most - middle) for middle, most in zip(x, high, strict=True)]


def _over_depth(curves: Sequence[DepthCurve]) -> str:
    beside = ", dense of equal FLOPs dashed" if any(c.dense_known()[0] for c in curves) else ""
    with axes() as (figure, plot):
        for number, curve in reversed([*enumerate(curves)]):  # so is the legend: wide leaves first
            _curve(plot, curve, number)
        if beside:
            plot.plot([], [], "--", linewidth=1, color=QUIET, label="dense of\nequal FLOPs")
        plot.set_xticks(sorted({depth for curve in curves for depth in curve.depths}))
        master = curves[0].master_width
        which = f"a master leaf of {master}" if master else "no master leaf"
        plot.set_xlabel(f"depth of the tree; leaf widths ℓ, {which}")
        heights = [height for curve in curves for height in _heights(curve)]
        if (merit := curves[0].merit).higher_is_better:
            space_by_errors(plot, heights)
        else:
            plot.set_yscale("log")
            plain_numbers(plot.yaxis, [max(height, _LEAST_SHOWN) for height in heights])
            plot.set_ylabel(_axis(merit))
        lines, names = plot.get_legend_handles_labels()
        named = dict(zip(names, lines, strict=True))
        if beside:  # error bars come after plain lines
            named |= {(dense := names[0]): named.pop(dense)}
        plot.legend(
            named.values(),
            named,
            loc="center left",
            bbox_to_anchor=(1, 0.5),
            fontsize=9,
            ncols=math.ceil(len(named) / _NAMES_IN_A_COLUMN),
        )
        return as_svg(figure, f"{_name(merit)} over depth{beside}")


def _curve(plot: "Axes", curve: DepthCurve, number: int) -> None:
    colour, factor = PALETTE[number % len(PALETTE)][0], curve.merit.factor
    plot.errorbar(
        curve.depths,
        [factor * spread.mean for spread in curve.qualities],
        yerr=[factor * (spread.sd or 0) for spread in curve.qualities],
        marker=MARKERS[number % len(MARKERS)],
        markersize=5,
        linewidth=1.5,
        elinewidth=1,
        color=colour,
        label=f"ℓ{curve.leaf_width}",
    )
    plot.plot(*curve.dense_known(), linestyle="--", linewidth=0.8, color=colour)


def _heights(curve: DepthCurve) -> list[float]:
    return [curve.merit.factor * of.mean for of in curve.qualities] + curve.dense_known()[1]


def _shown(point: Point) -> float:
    return point.merit.factor * point.quality.mean


def _deviation(point: Point) -> float:
    return point.merit.factor * (point.quality.sd or 0)
