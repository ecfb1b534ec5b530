"""The papers' figures hold together, and stand beside ours of the same shape."""

from dataclasses import replace
from typing import Any

import pytest

from evaluation.report.published import (
    EFFF,
    EFFF_MASTER,
    TABLE_1,
    beside_published,
    published,
)
from tests.evaluation.report.made_up import point


def test_every_tree_is_as_wide_as_its_leaves_together() -> None:
    trees = [each for each in published() if each.leaf_width]

    assert len(trees) == 16 + 17 + 4 + 8 + 10
    assert {each.width for each in trees} <= {16, 32, 64, 128, 512}
    for each in trees:
        assert each.leaf_width * 2**each.depth == each.width, each


def test_every_accuracy_is_a_share_and_training_is_the_higher_one() -> None:
    for each in published():
        assert 0.5 < each.accuracy < 1
        assert each.training_accuracy is None or each.accuracy < each.training_accuracy <= 1


def test_a_shape_stands_once_in_each_source() -> None:
    keys = [(p.source, p.data, p.leaf_width, p.depth, p.master_width, p.width) for p in published()]

    assert len(keys) == len(set(keys))


def test_a_point_stands_beside_what_was_published_of_its_shape() -> None:
    tree: dict[str, Any] = {"depth": 4, "leaf_width": 8}
    points = [
        point("fff", 100, 0.976, label="ℓ8 d4 m8", master_width=8, **tree),
        point("fff", 100, 0.962, label="ℓ8 d4", master_width=0, **tree),
        point("fixed_tree", 100, 0.9, master_width=0, **tree),
        point("fff", 100, 0.98, master_width=16, **tree),
        point("dense", 300, 0.987, hidden_width=128),
        point("dense", 300, 0.987, hidden_width=136),
    ]

    found = beside_published(points, "mnist")

    assert [(b.published.source, b.label, round(b.difference_points, 2)) for b in found] == [
        (TABLE_1, "w300", 0.6),
        (TABLE_1, "ℓ8 d4", 1.3),
        (EFFF_MASTER, "ℓ8 d4 m8", 2.5),
    ]


def test_what_was_not_trained_here_is_not_called_ours() -> None:
    tree = point("fff-imported", 100, 0.9, depth=4, leaf_width=8, master_width=0)
    layer = point("dense", 300, 0.98, hidden_width=128)
    imported = [replace(p, models=[replace(p.models[0], seed=None)]) for p in (tree, layer)]

    assert beside_published([tree, layer], "mnist")
    assert beside_published(imported, "mnist") == []


SUMS = [  # points, test and training accuracy; added up from the papers' tables, not from ours
    (TABLE_1, "MNIST", 20, 1866.0, 1920.4),
    (TABLE_1, "FashionMNIST", 21, 1767.6, 1847.7),
    (EFFF, "MNIST", 4, 364.85, 0),
    (EFFF_MASTER, "MNIST", 8, 752.8, 0),
    (EFFF, "FashionMNIST", 10, 850.9, 0),
]


@pytest.mark.parametrize(("source", "data", "points", "test", "training"), SUMS)
def test_the_figures_of_a_source_add_up_to_what_its_table_adds_up_to(
    source: str, data: str, points: int, test: float, training: float
) -> None:
    of_source = [p for p in published() if (p.source, p.data) == (source, data)]

    assert len(of_source) == points
    assert 100 * sum(p.accuracy for p in of_source) == pytest.approx(test)
    assert 100 * sum(p.training_accuracy or 0 for p in of_source) == pytest.approx(training)


def test_there_is_no_source_without_a_sum() -> None:
    assert {(p.source, p.data) for p in published()} == {sums[:2] for sums in SUMS}


def test_of_other_data_nothing_was_published() -> None:
    assert beside_published([point("dense", 1, 0.9, hidden_width=128)], "digits") == []
