"""Axes of the report's pictures: logarithmic ones of plain numbers, accuracy by errors."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

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


def plain_numbers(axis: Any, drawn: Sequence[float]) -> None:
    """Set ticks at round numbers, no powers, over a range with room beside its ends."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    least, most = min(drawn) / 1.15, max(drawn) * 1.15
    axis.set_view_interval(least, most, ignore=True)
    axis.set_major_locator(FixedLocator(round_numbers(least, most)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}" if x >= 10 else f"{x:g}"))


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
