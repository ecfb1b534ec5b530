import numpy as np
import pytest

from service.metrics.drift import chance_level, js_distance, silent_leaves
from service.metrics.leaf_stats import LeafStats


@pytest.mark.parametrize("rows", [100, 1000, 10_000])
@pytest.mark.parametrize("leaves", [2, 16, 256, 4096])
def test_rows_drawn_like_the_reference_exceed_the_chance_level_once_in_a_thousand_times(
    leaves, rows
):
    """
    Both are drawn from the same uneven shares; at most ten times as often as that, and not a
    level so high that nothing could ever exceed it: a median draw is above half of it.
    """
    chance = np.random.default_rng(leaves + rows)
    shares = chance.dirichlet(np.full(leaves, 2.0))
    draws = 2000 if leaves < 4096 else 200
    found = []
    for _ in range(draws):
        reference, drawn = (chance.multinomial(n, shares) for n in (50_000, rows))
        found.append(js_distance(drawn, reference) / chance_level(rows, reference))

    assert np.mean(np.array(found) > 1) <= 0.01
    assert leaves == 2 or np.median(found) > 0.5


def test_a_leaf_that_the_reference_never_met_may_get_a_row():
    reference = np.array([50_000, 0])

    assert js_distance(np.array([9_999, 1]), reference) < chance_level(10_000, reference)
    assert js_distance(np.array([9_900, 100]), reference) > chance_level(10_000, reference)


def test_the_chance_level_falls_with_the_rows_and_starts_at_1():
    reference = np.full(64, 1000)
    levels = [chance_level(rows, reference) for rows in (0, 10, 100, 1000, 10_000)]

    assert levels[0] == 1
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] < 0.1


def test_one_leaf_cannot_drift():
    assert chance_level(10, np.array([7])) == js_distance(np.array([3]), np.array([7])) == 0


@pytest.mark.parametrize("known", [300, 50_000])
@pytest.mark.parametrize("rows", [100, 10_000])
@pytest.mark.parametrize("leaves", [2, 16, 256])
def test_rows_drawn_like_the_reference_leave_no_leaf_silent(leaves, rows, known):
    """Shares are so uneven that many leaves are hardly ever met; ten times the promised rate."""
    chance = np.random.default_rng(leaves + rows + known)
    shares = chance.dirichlet(np.full(leaves, 0.2))

    found = [
        bool(silent_leaves(*(chance.multinomial(n, shares) for n in (rows, known))))
        for _ in range(1000)
    ]

    assert np.mean(found) <= 0.01


def test_a_leaf_that_lost_its_rows_is_silent_once_there_are_enough_of_them():
    """Leaf 3 was dead in the reference already, and leaf 2 so rare that chance explains it."""
    reference = np.array([5000, 4990, 10, 0])

    assert silent_leaves(np.array([10_000, 0, 0, 0]), reference) == [1]
    assert silent_leaves(np.array([10, 0, 0, 0]), reference) == []
    assert silent_leaves(np.zeros(4, np.int64), reference) == []


def test_a_rare_leaf_is_silent_when_many_rows_pass_without_it():
    reference = np.array([9_990, 10])

    assert silent_leaves(np.array([10_000, 0]), reference) == []
    assert silent_leaves(np.array([20_000, 0]), reference) == [1]


def test_without_a_reference_nothing_is_expected():
    snapshot = LeafStats(4, 100, None).snapshot()

    assert (snapshot.drift, snapshot.drift_noise, snapshot.unexpectedly_dead) == (None, None, None)
