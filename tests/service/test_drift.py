import numpy as np
import pytest

from service.drift import chance_level, js_distance
from service.leaf_stats import LeafStats


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


def test_without_a_reference_there_is_no_drift_and_no_chance_level():
    snapshot = LeafStats(4, 100, None).snapshot()

    assert (snapshot.drift, snapshot.drift_noise) == (None, None)
