import numpy as np
import pytest

from evaluation.errors import DatasetError
from evaluation.held_out import held_out

LABELS = np.repeat([0, 1, 2, 5], [50, 10, 2, 8])


def test_a_fifth_of_every_class_is_held_out_and_one_row_at_least() -> None:
    chosen = held_out(LABELS, "data")

    assert np.bincount(LABELS[chosen]).tolist() == [10, 2, 1, 0, 0, 2]


def test_the_same_rows_are_held_out_each_time_and_everywhere() -> None:
    chosen = held_out(LABELS, "data")

    assert np.array_equal(chosen, held_out(LABELS, "other"))
    assert np.flatnonzero(chosen)[:10].tolist() == [2, 4, 10, 11, 22, 27, 28, 31, 38, 41]


def test_what_is_held_out_of_a_class_does_not_depend_on_the_others() -> None:
    order = np.argsort(-LABELS, kind="stable")

    assert np.array_equal(held_out(LABELS[order], "data"), held_out(LABELS, "data")[order])
    assert np.array_equal(held_out(LABELS[:50], "data"), held_out(LABELS, "data")[:50])


def test_a_class_of_one_row_is_refused_by_its_name() -> None:
    with pytest.raises(DatasetError, match="class dog needs at least 2 images for that, got 1"):
        held_out(np.array([0, 0, 1]), "data", ("cat", "dog"))
