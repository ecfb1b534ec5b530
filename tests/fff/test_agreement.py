"""Two networks agree on a class by its number alone, and on values by how near they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fff.agreement import SAME_CLASS, AgreementRule, Outputs
from fff.comparison import Tally

FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)
PAIRS = st.tuples(st.integers(1, 9), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float32, (2, *shape), elements=FLOATS)
)
TOLERANCES = st.floats(min_value=1e-30, max_value=1e30)
DICE = np.random.default_rng(0)
FIRST, SECOND = DICE.normal(size=(2, 100, 3)).astype(np.float32)


@given(PAIRS, st.lists(TOLERANCES, min_size=4, max_size=4))
def test_values_agree_where_each_differs_by_at_most_its_tolerance(
    pair: Outputs, tolerances: list[float]
) -> None:
    first, second = pair
    rule = AgreementRule(tuple(tolerances[: first.shape[1]]))
    rows = zip(first.tolist(), second.tolist(), strict=True)
    near = [all(abs(a - b) <= t for a, b, t in zip(*row, tolerances, strict=False)) for row in rows]

    assert rule.agree(first, second).tolist() == near
    assert rule.agree(second, first).tolist() == near


def test_the_tolerance_itself_is_still_agreement() -> None:
    apart = np.array([[0.5], [np.nextafter(np.float32(0.5), np.float32(1))]], np.float32)

    assert AgreementRule((0.5,)).agree(apart, apart * 0).tolist() == [True, False]


def test_one_value_beyond_its_tolerance_is_enough_to_disagree() -> None:
    first = np.array([[0, 0], [0, 0], [0, 0]], np.float32)
    second = np.array([[3, 30], [4, 30], [3, 31]], np.float32)

    assert AgreementRule((3.0, 30.0)).agree(first, second).tolist() == [True, False, False]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinite_values_agree_with_nothing_not_even_themselves(bad: float) -> None:
    rows = np.array([[bad], [-bad], [0.0]], np.float32)

    assert AgreementRule((1e30,)).agree(rows, rows).tolist() == [False, False, True]


def test_classes_agree_however_far_their_scores_are_from_each_other() -> None:
    assert SAME_CLASS.agree(FIRST, 100 * FIRST).all()
    assert not AgreementRule((1.0,) * 3).agree(FIRST, 100 * FIRST).all()


def test_a_tally_counts_by_its_rule_and_says_which_it_was() -> None:
    rule = AgreementRule((0.5, 1.0, 2.0))
    classes, values = Tally(), Tally(rule)
    for tally in (classes, values):
        tally.add(FIRST, SECOND)

    same = float(SAME_CLASS.agree(FIRST, SECOND).mean())
    within = float(rule.agree(FIRST, SECOND).mean())
    assert 0 < within < 1
    assert (classes.share, values.share) == (same, within)
    assert (classes.agreement.same_class, classes.agreement.within_tolerance) == (same, None)
    assert (values.agreement.same_class, values.agreement.within_tolerance) == (None, within)


def test_differences_of_each_output_are_the_plain_definition_however_the_rows_are_cut() -> None:
    plain = np.abs(FIRST.astype(np.float64) - SECOND)
    for size in (1, 7, 100):
        tally = Tally(AgreementRule((1.0,) * 3))
        for start in range(0, 100, size):
            tally.add(FIRST[start : start + size], SECOND[start : start + size])

        found = tally.differences
        assert [output.largest for output in found] == plain.max(axis=0).tolist()
        assert [output.mean for output in found] == pytest.approx(plain.mean(axis=0))
        assert tally.agreement.largest_difference == plain.max()
        assert tally.agreement.mean_difference == pytest.approx(plain.mean())


def test_a_difference_that_is_no_number_is_told_as_none() -> None:
    """Not as the largest of the others."""
    tally = Tally()
    for second in (SECOND, SECOND * np.float32(np.nan), SECOND):
        tally.add(FIRST, second)

    assert np.isnan(tally.agreement.largest_difference)
