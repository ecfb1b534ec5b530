"""
The report's pictures: accuracy over each cost with the frontier, and accuracy over depth.

Cost axes are logarithmic: twice as cheap is as far everywhere. Error bars are the standard
deviation over seeds. Labels that would lie on others are left out; those on the frontier go first.
"""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from evaluation.report.depth import DepthCurve, depth_pictures
from evaluation.report.frontier import MEASURES, Measure
from evaluation.report.labels import Mark, place_labels
from evaluation.report.points import Point
from evaluation.report.report import Report
from evaluation.report.style import MARKERS, PALETTE, QUIET, in_order, look_of
from evaluation.report.svg import as_svg, axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST_TICKS, _MOST_TICKS = 4, 9
_FIRSTS = (  # of ticks, the coarsest first
    (1, 2, 5),
    (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9),
    [first / 10 for first in range(10, 100)],
)
_ACCURACIES = (0, 50, 75, 90, 95, 96, 97, 98, 98.5, 99, 99.5, 99.8, 99.9)  # ticks, in %
_LEAST_ERROR = 0.01  # in %, added to each: none has a logarithm too
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
    with axes() as (figure, plot):
        plot.set_xscale("log")
        _plain_numbers(plot, [end for point in report.points for end in measure.spread(point)])
        corners = _steps(on, measure)
        costs, best = zip(*corners, strict=True)
        plot.plot(costs, best, color=QUIET, linewidth=1, label="frontier, its points filled")
        for family in in_order(point.family for point in report.points):
            of_family = [point for point in report.points if point.family == family]
            _family(plot, family, of_family, on, measure)
        plot.set_xlabel(f"{measure.title} (logarithmic)")
        plot.set_ylabel("hard test accuracy, %")
        plot.legend(loc="best", fontsize=9)
        others = [point for point in report.points if not any(point is each for each in on)]
        place_labels(figure, plot, [_mark(point, measure) for point in on + others], corners)
        return as_svg(figure, f"Accuracy over {measure.title}, frontier drawn")


def _steps(on: Sequence[Point], measure: Measure) -> list[tuple[float, float]]:
    """Corners of the best accuracy within each cost: a step at each point that raises it."""
    best = list(accumulate((_percent(point) for point in on), max))
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
        x, y = [measure.cost(point) for point in shown], [_percent(point) for point in shown]
        low, high = zip(*(measure.spread(point) for point in shown), strict=True)
        plot.errorbar(
            x,
            y,
            xerr=_distances(x, low, high),
            yerr=[100 * (point.hard_accuracy.sd or 0) for point in shown],
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
    middle, deviation = _percent(point), 100 * (point.hard_accuracy.sd or 0)
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
        space_by_errors(plot, [percent for curve in curves for percent in _percents(curve)])
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
        return as_svg(figure, f"Accuracy over depth{beside}")


def _curve(plot: "Axes", curve: DepthCurve, number: int) -> None:
    colour = PALETTE[number % len(PALETTE)][0]
    plot.errorbar(
        curve.depths,
        [100 * spread.mean for spread in curve.accuracies],
        yerr=[100 * (spread.sd or 0) for spread in curve.accuracies],
        marker=MARKERS[number % len(MARKERS)],
        markersize=5,
        linewidth=1.5,
        elinewidth=1,
        color=colour,
        label=f"ℓ{curve.leaf_width}",
    )
    plot.plot(*curve.dense_known(), linestyle="--", linewidth=0.8, color=colour)


def _percents(curve: DepthCurve) -> list[float]:
    return [100 * spread.mean for spread in curve.accuracies] + curve.dense_known()[1]


def space_by_errors(plot: "Axes", drawn: Sequence[float]) -> None:
    """
    Space accuracies by the logarithm of their errors: half as many are as far everywhere.

    One neuron has 38 %, and of wide leaves tenths of a point are what matters.

    Args:
        plot: Its vertical axis is set.
        drawn: Accuracies in percent, all of which it shows.
    """
    from matplotlib.ticker import FixedLocator, NullLocator

    Floats = npt.NDArray[np.float64]

    def forward(percent: Floats) -> Floats:
        return -np.log10(np.maximum(100 + _LEAST_ERROR - percent, 1e-6))  # bars may go beyond 100

    def inverse(height: Floats) -> Floats:
        return 100 + _LEAST_ERROR - 10**-height

    plot.set_yscale("function", functions=(forward, inverse))
    ends = forward(np.array([min(drawn), max(drawn)]))
    room = max(0.05 * (ends[1] - ends[0]), 0.02)
    least, most = inverse(ends + np.array([-room, room]))
    plot.set_ylim(least, most)
    ticks = [accuracy for accuracy in _ACCURACIES if least <= accuracy <= most]
    if len(ticks) >= _LEAST_TICKS:
        plot.yaxis.set_major_locator(FixedLocator(ticks))
    plot.yaxis.set_minor_locator(NullLocator())
    plot.yaxis.set_major_formatter(lambda accuracy, _: f"{accuracy:g}")
    plot.set_ylabel("hard test accuracy, % (errors logarithmic)")


def _plain_numbers(plot: "Axes", costs: Sequence[float]) -> None:
    """Set ticks at round numbers, no powers, over a range with room beside its ends."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    least, most = min(costs) / 1.15, max(costs) * 1.15
    plot.set_xlim(least, most)
    plot.xaxis.set_major_locator(FixedLocator(round_numbers(least, most)))
    plot.xaxis.set_minor_locator(NullLocator())
    plot.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}" if x >= 10 else f"{x:g}"))


def round_numbers(least: float, most: float) -> list[float]:
    """Find ticks of a logarithmic axis: 1, 2 and 5 of every ten, or finer where those are few."""
    for firsts in _FIRSTS:
        every = (first * 10.0**power for power in range(-3, 13) for first in firsts)
        ticks = [tick for tick in every if least <= tick <= most]
        if len(ticks) >= _LEAST_TICKS:
            break
    while len(ticks) > _MOST_TICKS:
        ticks = ticks[::2]
    return ticks


def _percent(point: Point) -> float:
    return 100 * point.hard_accuracy.mean
