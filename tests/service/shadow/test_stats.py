"""The shadow's arithmetic, against its plain definition."""

import itertools

import numpy as np
import pytest

from fff.agreement import SAME_CLASS, AgreementRule
from service.shadow.stats import DIFFERENCE_BUCKETS, BatchComparison, ShadowStats, compare_batch

NO_DIFFERENCE = [0] * (len(DIFFERENCE_BUCKETS) + 1)


def comparison(rows: int, agreeing: int, dense_ns: int = 1) -> BatchComparison:
    return BatchComparison(rows, agreeing, NO_DIFFERENCE, 0.0, dense_ns)


def test_two_networks_are_compared_row_by_row():
    chance = np.random.default_rng(0)
    fff, dense = chance.normal(scale=50, size=(2, 300, 7)).astype(np.float32)
    dense[:40] = fff[:40] + 2.0**-10  # exactly on a bound, or next to it after rounding

    result = compare_batch(fff, dense, 5, SAME_CLASS)

    pairs = list(zip(fff.tolist(), dense.tolist(), strict=True))
    difference = [max(abs(a - b) for a, b in zip(*pair, strict=True)) for pair in pairs]
    below = [sum(d <= bound for d in difference) for bound in DIFFERENCE_BUCKETS]
    same = sum(int(a.argmax() == b.argmax()) for a, b in zip(fff, dense, strict=True))
    assert (result.rows, result.agreeing, result.dense_ns) == (300, same, 5)
    assert list(itertools.accumulate(result.largest_difference_counts)) == [*below, 300]
    assert result.largest_difference_sum == pytest.approx(sum(difference))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_without_finite_logits_of_the_twin_are_neither_agreement_nor_difference(bad):
    fff, dense = np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32)
    dense[1, 2] = bad
    stats = ShadowStats(10)
    stats.offered = 3

    stats.record("twin", 3, compare_batch(fff, dense, 1, SAME_CLASS), 1)

    shown = stats.snapshot()
    assert (shown.rows, shown.dropped, shown.waiting) == (2, 1, 0)
    assert (
        shown.agreement,
        shown.largest_difference_sum,
        sum(shown.largest_difference_counts),
    ) == (1.0, 0.0, 2)


def test_finite_logits_whose_difference_float32_cannot_hold_stay_finite():
    far = np.full((1, 2), 3e38, np.float32)
    assert compare_batch(far, -far, 1, SAME_CLASS).largest_difference_sum == pytest.approx(6e38)


def test_the_window_holds_the_latest_whole_batches():
    """Against the plain definition, with batches of every size around the window's."""
    chance = np.random.default_rng(1)
    stats, batches = ShadowStats(100), []
    for rows in (1, 99, 100, 101, 7, 250, 60, 40, 41, 1, 1, 98):
        same, dense_ns, fff_ns = map(int, chance.integers(1, rows + 1, 3))
        batches.append((rows, same, dense_ns, fff_ns))
        stats.record("twin", rows, comparison(rows, same, dense_ns), fff_ns)

        held = [batches[-1]]
        while len(held) < len(batches) and sum(b[0] for b in held) + batches[~len(held)][0] <= 100:
            held.append(batches[~len(held)])
        rows, same, dense_ns, fff_ns = map(sum, zip(*held, strict=True))
        shown = stats.snapshot()
        assert (shown.window_rows, shown.agreement) == (rows, same / rows)
        assert shown.speedup == dense_ns / fff_ns
    assert shown.rows == sum(b[0] for b in batches)


def test_another_twin_begins_another_window_and_the_totals_go_on():
    stats = ShadowStats(100)
    stats.record("first", 10, comparison(10, 0, 500), 1)
    stats.record("second", 4, comparison(4, 4, 8), 2)

    shown = stats.snapshot()

    assert (shown.window_rows, shown.agreement, shown.speedup, shown.rows) == (4, 1.0, 4.0, 14)


def test_time_that_was_spent_on_other_rows_too_is_in_no_speed_up():
    stats = ShadowStats(100)
    stats.record("twin", 10, comparison(10, 0, 500), None)
    assert (stats.snapshot().agreement, stats.snapshot().speedup) == (0.0, None)
    stats.record("twin", 10, comparison(10, 0, 30), 10)
    assert stats.snapshot().speedup == 3.0


def test_values_agree_within_their_tolerances_and_differ_in_their_own_unit():
    fff = np.array([[100.0, 1.0], [100.0, 1.0], [100.0, 1.0]], np.float32)
    dense = fff + np.array([[5, 0.5], [6, 0], [0, 0.75]], np.float32)

    result = compare_batch(fff, dense, 1, AgreementRule((5.0, 0.5)))

    assert (result.rows, result.agreeing, result.largest_difference_sum) == (3, 1, 5 + 6 + 0.75)
