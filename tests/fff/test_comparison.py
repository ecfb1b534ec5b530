"""Counting in chunks is counting at once, and no side is favoured by its turn."""

import numpy as np
import pytest

from fff.comparison import Tally, turns

DICE = np.random.default_rng(0)
FIRST, SECOND = DICE.normal(size=(2, 100, 5)).astype(np.float32)
LABELS = DICE.integers(0, 5, 100)


def test_a_tally_is_the_plain_definition_however_the_rows_are_cut() -> None:
    for size in (1, 7, 100):
        tally = Tally()
        for start in range(0, 100, size):
            part = slice(start, start + size)
            tally.add(FIRST[part], SECOND[part], LABELS[part])

        agreement, difference = tally.agreement, np.abs(FIRST.astype(np.float64) - SECOND)
        assert agreement.rows == 100
        assert agreement.same_class == (FIRST.argmax(1) == SECOND.argmax(1)).mean()
        assert agreement.largest_difference == difference.max()
        assert agreement.mean_difference == pytest.approx(difference.mean(), rel=1e-6)
        right = tuple((logits.argmax(1) == LABELS).mean() for logits in (FIRST, SECOND))
        assert tally.accuracies == right


def test_outputs_at_the_ends_of_float32_have_a_finite_difference() -> None:
    far = np.array([[3e38, -3e38]], np.float32)
    tally = Tally()
    tally.add(far, -far)

    agreement = tally.agreement
    assert agreement.largest_difference == agreement.mean_difference == 2 * float(far[0, 0])


def test_without_labels_there_is_no_accuracy() -> None:
    tally = Tally()
    tally.add(FIRST, SECOND)

    assert tally.accuracies == (None, None)


@pytest.mark.parametrize("rounds", [2, 6, 16])
def test_both_sides_go_first_and_follow_themselves_equally_often(rounds: int) -> None:
    """Following oneself, with one's weights still in the cache, is the advantage there is."""
    orders = list(turns(rounds))
    calls = [side for order in orders for side in order]
    counted = range(2, len(calls))
    hot = [calls[at] for at in counted if calls[at] == calls[at - 1]]

    assert len(orders) == rounds + 1
    assert all(sorted(order) == [0, 1] for order in orders)
    assert [order[0] for order in orders[1:]].count(0) == rounds / 2
    assert hot.count(0) == hot.count(1)


@pytest.mark.parametrize("rounds", [0, 5])
def test_rounds_that_favour_a_side_are_refused(rounds: int) -> None:
    with pytest.raises(ValueError, match=f"must be even.*got {rounds}"):
        next(turns(rounds))
