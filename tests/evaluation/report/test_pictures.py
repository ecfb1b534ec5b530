"""What is drawn where: labels that can be read, a frontier that never falls, depth beside dense."""

from itertools import combinations
from typing import Any

import pytest

from evaluation.report.depth import depth_curves
from evaluation.report.labels import place_labels
from evaluation.report.svg import axes
from tests.evaluation.report.made_up import point


def test_no_label_lies_on_another_and_the_first_is_there() -> None:
    crowd = [(float(n % 7), float(n % 5), f"ℓ{n} d4 m8", "#000000") for n in range(60)]

    with axes() as (figure, plot):
        plot.set_xlim(-1, 20)
        plot.set_ylim(-1, 20)
        written = place_labels(figure, plot, crowd, [(0, 0), (4, 0), (4, 3)])
        boxes: list[Any] = [text.get_window_extent() for text in plot.texts]

    assert written[0] == crowd[0][2]
    assert 5 < len(written) == len(boxes) < len(crowd)
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


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
    assert [spread.mean for spread in curve.accuracies] == [0.91, 0.95, 0.96]
    # Halfway from 100 to 1600 in the logarithm is 400; beyond 1600 nothing is known.
    assert curve.dense[:2] == [pytest.approx(0.94), pytest.approx(0.96)]
    assert curve.dense[2] is None


def test_of_several_variants_of_a_shape_the_most_accurate_is_drawn() -> None:
    shape: dict[str, Any] = {"leaf_width": 8, "master_width": 0}
    points = [
        point("fff", 100, accuracy, depth=depth, **shape)
        for depth, accuracy in ((1, 0.90), (1, 0.92), (2, 0.95), (2, 0.93))
    ]

    assert [spread.mean for spread in depth_curves(points)[0].accuracies] == [0.92, 0.95]
