"""What is sampled waits in a bounded queue or is dropped, and every row is accounted for."""

import asyncio
import random

import numpy as np
import pytest

from model_store.manifest import Manifest
from model_store.publishing import draft_of
from service.engine.sampling import Sample, sample_of
from service.job import Answer, Job
from service.shadow.messages import Twin
from service.shadow.sampler import Shadow
from service.shadow.stats import DIFFERENCE_BUCKETS, BatchComparison, ShadowStats
from tests.fff.networks import dense, tree
from tests.service import toys
from tests.service.regression import targets

TWIN = Twin("twin", 1, "0" * 64, 6, 3)
FFF = draft_of(tree(6, 2, 3, 3), {"origin": toys.ORIGIN})
Served = dict[str, tuple[Twin, Manifest]]


def served(i: int = 6, o: int = 3, **more: object) -> Served:
    return {"twin": (TWIN, draft_of(dense(i, 4, o), {"origin": toys.ORIGIN, **more}))}


def make_shadow(served: Served, ratio: float = 1.0, max_rows: int = 100) -> Shadow:
    labels, stats = ("toy", "1", "twin"), ShadowStats(1000)
    return Shadow(labels, FFF, served.get, ratio, max_rows, stats, lambda: None)


def test_what_is_offered_is_computed_or_dropped_or_waits_whatever_the_order():
    chance = random.Random(0)
    shadow = make_shadow(served())
    offered, most = 0, 0
    for _ in range(5000):
        if chance.random() < 0.6:
            rows = chance.choice((1, 2, 40, 100))
            shadow.offer(Sample(rows, [], 1))
            offered += rows
        elif (sample := shadow.take()) is not None:
            compared = chance.randint(0, sample.rows)
            if chance.random() < 0.2:
                shadow.failed(sample.rows, "no")
            else:
                no_rows = [0] * (len(DIFFERENCE_BUCKETS) + 1)
                shadow.stats.record(
                    TWIN, sample.rows, BatchComparison(compared, 0, no_rows, 0.0, 1), 1
                )
        shown = shadow.stats.snapshot()
        assert shown.rows + shown.dropped + shown.waiting == offered == shadow.stats.offered
        most = max(most, shown.waiting)

    assert 90 < most <= 100
    assert shown.rows > 0
    assert shown.dropped > 0


def test_about_the_ratio_is_chosen():
    shadow = make_shadow(served(), ratio=0.25)
    chosen = sum(shadow.chooses() for _ in range(4000))
    assert 800 < chosen < 1200  # 1000, and seven standard deviations


@pytest.mark.parametrize(
    ("there", "obstacle"),
    [
        ({}, "is not served"),
        (served(o=4), "is 6 -> 4, not 6 -> 3"),
        (served(i=5), "is 5 -> 3, not 6 -> 3"),
        (served(targets=targets("xyz")), "predicts values (x, y, z), not classes"),
    ],
    ids=["not-served", "other-outputs", "other-inputs", "other-task"],
)
def test_without_a_twin_to_compare_with_nothing_is_chosen_and_the_log_says_so_once(
    there, obstacle, caplog
):
    shadow = make_shadow(there)

    assert not any(shadow.chooses() for _ in range(10))
    assert caplog.text.count(f"baseline twin {obstacle}; nothing is sampled") == 1

    there |= served()
    assert shadow.chooses()
    assert caplog.text.count("is served again") == 1


def test_a_failure_is_logged_once_and_again_after_a_success(caplog):
    shadow = make_shadow(served())
    for _ in range(3):
        shadow.failed(1, "out of memory")
    assert caplog.text.count("out of memory") == 1

    shadow.succeeded()
    shadow.failed(1, "out of memory")
    assert caplog.text.count("out of memory") == 2


async def test_rows_that_were_refused_are_no_sample_and_spoil_the_time_alone():
    nobody = asyncio.get_running_loop().create_future()
    jobs = [Job(np.zeros((rows, 6), np.float32), nobody, 0.0) for rows in (2, 3)]
    leaf = np.zeros((2, 3), np.int32)
    answer = Answer(np.zeros((2, 3), np.float32), leaf, np.zeros((2, 3), np.float32), 0.0, 0.0, 5)
    answered, refused = (jobs[0], answer), (jobs[1], ValueError())

    assert sample_of([answered, refused], False, 5, 70) == Sample(2, [answered, refused], None)
    assert sample_of([answered], True, 2, 70) == Sample(2, [answered], 70)
    assert sample_of([answered], True, 2, None) == Sample(2, [answered], None)
    shadow = make_shadow(served())
    shadow.offer(sample_of([refused], False, 3, 70))
    assert (shadow.take(), shadow.stats.offered) == (None, 0)
