"""What is drawn where: labels that can be read, a frontier that never falls, depth beside dense."""

import dataclasses
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.report.captions import caption
from evaluation.report.depth import depth_curves
from evaluation.report.pictures import pictures
from evaluation.report.points import Point
from evaluation.report.svg import axes
from evaluation.report.ticks import round_numbers, space_by_errors
from tests.evaluation.report.made_up import point, report


def test_error_bars_strike_through_no_label() -> None:
    """Bars as wide as half the picture, of marks that are close to each other in height."""
    tree = {"leaf_width": 8, "depth": 4, "master_width": 8}
    points = [
        point(
            "fff", 1000 + 40 * n, 0.96 + n / 1000, sd=0.0004, noise=0.2, label=f"ℓ{n} d4 m8", **tree
        )
        for n in range(24)
    ]

    drawn = pictures(report(points))["us_batch_1"]

    labels = re.findall(r'x="([0-9.]+)" y="([0-9.]+)"[^>]*>ℓ', drawn)
    bars = re.findall(r"M ([0-9.]+) ([0-9.]+) \nL ([0-9.]+) \2 \n.*stroke: #0072b2", drawn)
    assert labels
    assert len(bars) >= 24  # one more in the legend
    for x, y in [(float(x), float(y)) for x, y in labels]:  # middle of its baseline
        for left, height, right in [map(float, bar) for bar in bars]:
            assert not (y - 5 < height < y and left < x + 10 and x - 10 < right)


def test_depth_is_drawn_for_each_leaf_width_with_dense_of_as_many_flops_beside() -> None:
    points = [
        point("dense", 100, 0.90, hidden_width=4),
        point("dense", 1600, 0.98, hidden_width=64),
        point("dense", 400, 0.91, depth=0, leaf_width=8, master_width=0),
        point("fff", 800, 0.95, depth=2, leaf_width=8, master_width=0),
        point("fff", 3200, 0.96, depth=4, leaf_width=8, master_width=0),
        point("fff", 100, 0.92, depth=2, leaf_width=4, master_width=0),
        point("fixed_tree", 900, 0.5, depth=6, leaf_width=8, master_width=0),
    ]

    (curve,) = depth_curves(points)

    assert (curve.leaf_width, curve.master_width, curve.depths) == (8, 0, [0, 2, 4])
    assert [spread.mean for spread in curve.qualities] == [0.91, 0.95, 0.96]
    # Halfway from 100 to 1600 in the logarithm is 400; beyond 1600 nothing is known.
    assert curve.dense[:2] == [pytest.approx(0.94), pytest.approx(0.96)]
    assert curve.dense[2] is None


@pytest.mark.parametrize(
    "accuracies", [(0.38, 0.95, 0.986), (0.981, 0.982), (0.97, 0.97), (0.5, 1.0), (0.0, 0.9)]
)
def test_every_accuracy_over_depth_is_within_the_picture_beside_ticks_to_read_it_by(
    accuracies: tuple[float, ...],
) -> None:
    percents = [100 * accuracy for accuracy in accuracies]

    with axes() as (_, plot):
        space_by_errors(plot, percents)
        plot.plot(percents)
        heights = plot.transAxes.inverted().transform(
            plot.transData.transform([(0, p) for p in percents])
        )
        least, most = plot.get_ylim()
        ticks = [tick for tick in plot.get_yticks() if least <= tick <= most]

    assert all(0 < height < 1 for _, height in heights)
    assert len(ticks) >= 2


def test_of_several_variants_of_a_shape_the_most_accurate_is_drawn() -> None:
    shape: dict[str, Any] = {"leaf_width": 8, "master_width": 0}
    points = [
        point("fff", 100, accuracy, depth=depth, **shape)
        for depth, accuracy in ((1, 0.90), (1, 0.92), (2, 0.95), (2, 0.93))
    ]

    assert [spread.mean for spread in depth_curves(points)[0].qualities] == [0.92, 0.95]


def test_a_leaf_of_a_published_recipe_or_from_elsewhere_is_no_depth_0_of_ours() -> None:
    tree: dict[str, Any] = {"leaf_width": 8, "master_width": 0}
    leaf = point("dense", 400, 0.91, depth=0, **tree)
    imported = [dataclasses.replace(model, seed=None) for model in leaf.models]
    others = [
        dataclasses.replace(leaf, recipe="fff-paper"),
        dataclasses.replace(leaf, recipe="a-model", models=imported),
    ]
    trees = [point("fff", 500 * depth, 0.95, depth=depth, **tree) for depth in (1, 2)]

    assert [curve.depths for curve in depth_curves([*trees, *others])] == [[1, 2]]
    assert [curve.depths for curve in depth_curves([*trees, leaf])] == [[0, 1, 2]]


def drawn_depth(*more: Point) -> tuple[str, str]:
    """Draw two trees, and what else is given: their picture over depth, and its caption."""
    tree: dict[str, Any] = {"leaf_width": 8, "master_width": 4}
    trees = [point("fff", 500 * depth, 0.95, depth=depth, **tree) for depth in (1, 2)]
    made = report([*trees, *more])
    return pictures(made)["depth_m4"], caption(made, "depth_m4")


def test_dashes_are_named_where_there_are_some() -> None:
    around = [point("dense", flops, 0.9, hidden_width=flops) for flops in (400, 1200)]

    with_dense, told = drawn_depth(*around)
    without, untold = drawn_depth(around[0])  # nothing is known above it

    assert "equal FLOPs<" in with_dense
    assert "logarithm of FLOPs between the two nearest that were measured" in told
    assert "dashed" not in without.lower()
    assert "equal FLOPs" not in without
    assert "Dashed" not in untold


def test_depth_0_is_explained_where_it_is_drawn() -> None:
    leaf = point("dense", 400, 0.91, depth=0, leaf_width=8, master_width=4)

    assert "Depth 0 is one leaf" in drawn_depth(leaf)[1]
    assert "Depth 0" not in drawn_depth()[1]


def test_captions_speak_of_times_where_costs_are_times() -> None:
    made = report([point("fff", 400, 0.9, depth=4, leaf_width=8, master_width=0)])

    timed = {name for name in pictures(made) if "of time" in caption(made, name)}

    assert timed == {"us_batch_1", "us_batch_64", "us_batch_4096"}


def test_any_number_of_leaf_widths_has_room() -> None:
    """Without it matplotlib warns, and a warning is an error here."""
    points = [
        point("fff", 100 * leaf * depth, 0.9, depth=depth, leaf_width=leaf, master_width=0)
        for leaf in range(1, 41)
        for depth in (1, 2)
    ]

    drawn = pictures(report(points))["depth_m0"]

    assert all(f">ℓ{leaf}<" in drawn for leaf in range(1, 41))


@given(st.floats(0.01, 1e9), st.floats(1, 1e6))
def test_any_range_of_costs_has_some_ticks_and_not_many(least: float, ratio: float) -> None:
    most = least * ratio

    ticks = round_numbers(least / 1.15, most * 1.15)

    assert 2 <= len(ticks) <= 9
    assert ticks == sorted(set(ticks))
    assert least / 1.15 <= ticks[0]
    assert ticks[-1] <= most * 1.15


def test_error_bars_of_time_end_within_the_picture() -> None:
    tree: dict[str, Any] = {"leaf_width": 8, "depth": 4, "master_width": 8}
    points = [point("fff", 1000, 0.9, noise=0.6, **tree), point("fff", 2000, 0.95, **tree)]

    drawn = pictures(report(points))["us_batch_1"]

    axes = re.search(r'<g id="patch_2">\s*<path d="M ([0-9.]+)', drawn)
    bar = re.search(r'<g id="LineCollection_1">\s*<path d="M ([0-9.]+)', drawn)
    assert axes
    assert bar
    assert float(bar[1]) > float(axes[1])
