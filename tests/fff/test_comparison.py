"""Counting in chunks is counting at once; no side is favoured by its turn."""

import numpy as np
import pytest

from fff.comparison import Speedup, Tally, speedup, turns

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


def test_a_speedup_is_that_of_the_rounds_and_not_of_those_that_were_interrupted() -> None:
    first = DICE.uniform(1.0, 1.1, 100)
    second = 2 * first * DICE.uniform(0.95, 1.05, 100)
    second[::10] *= 1000  # somebody else had the processor
    first[5::10] *= 1000

    found = speedup(first.tolist(), second.tolist())

    assert 1.9 < found.low < found.median < found.high < 2.1
    assert found.difference_seen


def test_a_machine_that_slows_down_slows_both_sides_of_a_round() -> None:
    slower = np.geomspace(1, 50, 20)

    found = speedup(slower.tolist(), (3 * slower).tolist())

    assert [found.low, found.median, found.high] == pytest.approx([3, 3, 3])


def test_the_sides_may_be_exchanged() -> None:
    first, second = DICE.uniform(1, 2, (2, 101)).tolist()
    one, other = speedup(first, second), speedup(second, first)

    assert one.median == pytest.approx(1 / other.median)
    assert [one.low, one.high] == pytest.approx([1 / other.high, 1 / other.low])
    assert one.difference_seen == other.difference_seen


@pytest.mark.parametrize(
    ("low", "median", "high", "seen"),
    [
        (1.8, 1.9, 2.0, True),
        (1.0, 1.9, 2.5, False),
        (0.9, 1.0, 1.1, False),
        (1.0, 1.0, 1.0, False),
        (1.01, 1.02, 1.025, True),
        (0.5, 0.55, 0.6, True),
        (0.5, 0.95, 1.2, False),
    ],
)
def test_a_difference_is_seen_where_it_is_larger_than_the_spread(
    low: float, median: float, high: float, seen: bool
) -> None:
    assert Speedup(median, low, high, 1, 1).difference_seen is seen
    assert Speedup(1 / median, 1 / high, 1 / low, 1, 1).difference_seen is seen
