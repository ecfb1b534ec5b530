"""A batch leaves when the executor is free; nothing waits for a clock."""

import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.batcher import Batcher, QueueFull


@dataclass
class ToyJob:
    tokens: int
    arrived_s: float = 0.0
    deadline_s: float = float("inf")
    timed: bool = False
    cancelled: bool = False
    rows: int = 1


def test_a_free_executor_takes_everything_that_waits():
    batcher = Batcher[ToyJob](max_batch_tokens=8, max_queue_tokens=100)
    for tokens in (1, 3, 2):
        batcher.add(ToyJob(tokens))

    batch = batcher.take(now=0.0)

    assert ([job.tokens for job in batch.jobs], batch.reason) == ([1, 3, 2], "idle")
    assert (len(batcher), batcher.queued_tokens, batcher.queued_rows) == (0, 0, 0)


def test_what_jobs_cost_is_counted_not_requests_or_rows():
    batcher = Batcher[ToyJob](max_batch_tokens=8, max_queue_tokens=100)
    for tokens in (5, 4, 4):
        batcher.add(ToyJob(tokens))
    assert batcher.queued_rows == 3

    batches = [batcher.take(now=0.0) for _ in range(2)]

    assert [[job.tokens for job in batch.jobs] for batch in batches] == [[5], [4, 4]]
    assert [batch.reason for batch in batches] == ["full", "full"]


def test_the_queue_refuses_tokens_beyond_its_bound_and_keeps_what_it_has():
    batcher = Batcher[ToyJob](max_batch_tokens=4, max_queue_tokens=6)
    batcher.add(ToyJob(4))

    with pytest.raises(QueueFull):
        batcher.add(ToyJob(3))
    batcher.add(ToyJob(2))

    assert batcher.queued_tokens == 6


def test_a_job_whose_deadline_has_passed_is_left_out_and_told_apart():
    batcher = Batcher[ToyJob](max_batch_tokens=8, max_queue_tokens=8)
    batcher.add(ToyJob(1, deadline_s=1.0))
    batcher.add(ToyJob(1, deadline_s=2.0))

    batch = batcher.take(now=1.0)

    assert [job.deadline_s for job in batch.expired] == [1.0]
    assert [job.deadline_s for job in batch.jobs] == [2.0]


def test_a_job_nobody_waits_for_is_not_computed():
    batcher = Batcher[ToyJob](max_batch_tokens=2, max_queue_tokens=8)
    batcher.add(ToyJob(2, cancelled=True))
    batcher.add(ToyJob(2))

    batch = batcher.take(now=0.0)

    assert (len(batch.cancelled), len(batch.jobs)) == (1, 1)


def test_a_job_that_is_to_be_timed_shares_its_batch_with_nobody():
    batcher = Batcher[ToyJob](max_batch_tokens=8, max_queue_tokens=8)
    for timed in (False, True, False):
        batcher.add(ToyJob(1, timed=timed))

    assert [len(batcher.take(now=0.0).jobs) for _ in range(3)] == [1, 1, 1]


def test_the_reason_says_that_the_service_is_draining():
    batcher = Batcher[ToyJob](max_batch_tokens=8, max_queue_tokens=8)
    batcher.add(ToyJob(1))

    assert batcher.take(now=0.0, draining=True).reason == "drain"


@given(st.lists(st.integers(1, 7), max_size=60), st.integers(0, 2**32))
def test_every_job_leaves_exactly_once_in_order_and_no_batch_is_too_large(sizes, seed):
    chance = random.Random(seed)
    batcher = Batcher[ToyJob](max_batch_tokens=7, max_queue_tokens=1000)
    jobs = [ToyJob(n, cancelled=chance.random() < 0.2, timed=chance.random() < 0.1) for n in sizes]
    left = []
    for job in jobs:
        batcher.add(job)
        if chance.random() < 0.3:
            left.append(batcher.take(now=0.0))
    while len(batcher):
        left.append(batcher.take(now=0.0))

    assert [j for b in left for j in b.jobs] == [j for j in jobs if not j.cancelled]
    assert all(b.tokens <= 7 for b in left)
    assert sum(len(b.cancelled) for b in left) == sum(j.cancelled for j in jobs)
