import numpy as np
import pytest

from fff.decision import NO_BOUNDARY
from service.metrics.leaf_stats import MARGIN_BUCKETS, LeafStats


def observed(leaves: list[int], of: int = 4, window: int = 100, reference=None) -> LeafStats:
    stats = LeafStats(of, window, reference)
    stats.observe(np.array(leaves, np.int32), np.ones(len(leaves), np.float32))
    return stats


def test_the_window_holds_exactly_the_latest_rows():
    """Compared with the plain definition, over batches of every size around the window's."""
    chance = np.random.default_rng(0)
    stats, seen = LeafStats(5, 100, None), np.empty(0, np.int32)
    for size in (1, 99, 100, 101, 7, 250, 0, 60, 60):
        batch = chance.integers(0, 5, size).astype(np.int32)
        stats.observe(batch, np.ones(size, np.float32))
        seen = np.concatenate([seen, batch])
        snapshot = stats.snapshot()

        assert snapshot.window.tolist() == np.bincount(seen[-100:], minlength=5).tolist()
        assert snapshot.total.tolist() == np.bincount(seen, minlength=5).tolist()


def test_balanced_leaves_have_entropy_ratio_1_and_one_leaf_alone_has_0():
    assert observed([0, 1, 2, 3]).snapshot().entropy_ratio == pytest.approx(1)
    assert observed([2, 2, 2]).snapshot().entropy_ratio == 0


def test_dead_leaves_are_those_without_a_row_in_the_window():
    assert observed([0, 2, 2]).snapshot().dead.tolist() == [1, 3]


def test_nothing_is_dead_and_nothing_has_drifted_before_the_first_row():
    snapshot = LeafStats(4, 100, [1, 1, 1, 1]).snapshot()
    assert (len(snapshot.dead), snapshot.expected_dead) == (0, 0.0)
    assert (snapshot.drift, snapshot.entropy_ratio) == (0.0, 0.0)


@pytest.mark.parametrize(
    "reference", [None, [1, 0, 60, 3], [0, 0, 0, 0]], ids=["none", "uneven", "empty"]
)
@pytest.mark.parametrize("rows", [1, 2, 7, 40])
def test_as_many_leaves_are_expected_dead_as_chance_leaves_so_on_average(reference, rows):
    """Rows drawn like the reference; evenly, where it says nothing."""
    even = reference is None or not any(reference)
    shares = np.full(4, 0.25) if even else np.array(reference) / sum(reference)
    chance = np.random.default_rng(0)
    draws = chance.multinomial(rows, shares, size=20_000)  # [draws, 4]

    expected = observed([0] * rows, reference=reference).snapshot().expected_dead

    assert expected == pytest.approx((draws == 0).sum(1).mean(), abs=0.03)


@pytest.mark.parametrize(
    ("reference", "drift"),
    [([5, 0, 5, 0], 0.0), ([0, 3, 0, 9], 1.0), (None, None)],
    ids=["same-shares", "disjoint", "no-reference"],
)
def test_drift_is_0_for_equal_shares_1_for_disjoint_ones_and_absent_without_a_reference(
    reference, drift
):
    assert observed([0, 2], reference=reference).snapshot().drift == (
        None if drift is None else pytest.approx(drift, abs=1e-9)
    )


def test_a_margins_rank_is_exact_at_bounds_and_linear_between_them():
    stats = LeafStats(1, 100, None)
    margins = np.array([0.3, 0.75, 0.75, 3.0, 40.0, NO_BOUNDARY], np.float32)
    stats.observe(np.zeros(6, np.int32), margins)
    asked = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 2.0, 32.0, 1e9, np.inf])

    rank = stats.snapshot().margin_rank(asked)

    assert rank is not None
    np.testing.assert_allclose(rank * 6, [0, 0, 1, 2, 3, 3, 4, 4, np.nan])


def test_before_the_first_row_no_margin_has_a_rank():
    assert LeafStats(1, 100, None).snapshot().margin_rank(np.ones(1)) is None


def test_margins_are_counted_in_inclusive_buckets_and_a_missing_boundary_in_the_last():
    stats = LeafStats(1, 100, None)
    stats.observe(np.zeros(3, np.int32), np.array([1.0, 1.5, NO_BOUNDARY], np.float32))

    snapshot = stats.snapshot()

    at_most_1 = snapshot.margin_counts[: MARGIN_BUCKETS.index(1.0) + 1].sum()
    assert (at_most_1, snapshot.margin_counts[-1]) == (1, 1)
    assert snapshot.margin_sum == 2.5


def test_every_margin_is_counted_where_a_search_of_the_bounds_would_put_it():
    """Bounds, their neighbours on either side, zero, NaN, and margins of all sizes."""
    bounds = np.array(MARGIN_BUCKETS, np.float32)
    chance = np.random.default_rng(0).lognormal(0, 9, 10_000).astype(np.float32)
    beside = [np.nextafter(bounds, np.float32(side)) for side in (0, np.inf)]
    special = np.array([0.0, 1e-45, NO_BOUNDARY, np.inf, np.nan], np.float32)
    margins = np.concatenate([bounds, *beside, special, chance])
    stats = LeafStats(1, 100, None)

    stats.observe(np.zeros(len(margins), np.int32), margins)

    expected = np.bincount(np.searchsorted(bounds, margins), minlength=len(bounds) + 1)
    assert stats.snapshot().margin_counts.tolist() == expected.tolist()
