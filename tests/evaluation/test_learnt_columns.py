import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.errors import DatasetError
from evaluation.learnt_columns import (
    MOST_CATEGORIES,
    learn_category,
    learn_classes,
    learn_number,
    learn_target,
)
from model_store.encoding import Encoder

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20).map(np.array)


@given(VALUES)
def test_a_learnt_column_has_mean_0_and_deviation_1(values: np.ndarray) -> None:
    if values.max() - values.min() < 1e-3:
        return
    column = learn_number("a", values)

    encoded = Encoder([column]).columns({"a": values})[:, 0].astype(np.float64)

    assert encoded.mean() == pytest.approx(0, abs=1e-3)
    assert encoded.std() == pytest.approx(1, abs=1e-3)
    assert (column.low, column.high) == (values.min(), values.max())


@pytest.mark.parametrize("value", [0.0, 0.1, -7.0, 1e300])
def test_a_constant_column_becomes_0(value: float) -> None:
    column = learn_number("a", np.full(10, value))

    assert column.scale == 1.0
    assert (Encoder([column]).columns({"a": np.full(3, value)}) == 0).all()


@given(VALUES)
def test_two_answers_agree_within_a_twentieth_of_a_targets_deviation(values: np.ndarray) -> None:
    if values.max() - values.min() < 1e-3:
        return
    target = learn_target("price", values)

    assert (target.name, target.unit) == ("price", None)
    assert (target.mean, target.deviation) == (values.mean(), values.std())
    assert target.tolerance == pytest.approx(values.std() / 20)


@pytest.mark.parametrize("learn", [learn_number, learn_target])
@pytest.mark.parametrize("values", [[1e308, -1e308], [1e308, 1e308, 1], [0.0, 5e-324], [0, np.inf]])
def test_numbers_that_cannot_be_scaled_are_refused(learn, values) -> None:
    with pytest.raises(DatasetError, match="^column 'a': finite numbers were expected whose"):
        learn("a", np.array(values, np.float64))


def test_a_target_that_is_always_the_same_is_refused() -> None:
    with pytest.raises(DatasetError, match="^target 'a': values that differ .* all are 2.5"):
        learn_target("a", np.full(4, 2.5))


def test_names_are_sorted_and_whole_numbers_by_their_size() -> None:
    assert learn_category("a", ["b", "ä", "10", "9", "b"]).values == ["10", "9", "b", "ä"]
    assert learn_classes("a", ["10", "9", "-1", "9"]) == ("-1", "9", "10")


def test_names_that_are_the_same_number_stay_apart() -> None:
    assert learn_category("a", ["01", "1", "2"]).values == ["01", "1", "2"]


@pytest.mark.parametrize("learn", [learn_category, learn_classes])
def test_a_column_that_names_rows_is_refused(learn) -> None:
    names = [f"row {k}" for k in range(MOST_CATEGORIES + 1)]

    assert learn("id", names[:-1])
    with pytest.raises(DatasetError, match="^column 'id': at most 1,000 categories .* 1,001 diff"):
        learn("id", names)


def test_a_text_that_is_no_name_is_refused() -> None:
    with pytest.raises(DatasetError, match="^column 'note': .*at most 200 characters, got 1,000: "):
        learn_category("note", ["x" * 1000, "y"])


def test_one_class_is_none() -> None:
    with pytest.raises(DatasetError, match="^target 'a': at least 2 classes .* all are 'x'"):
        learn_classes("a", ["x", "x"])
