"""Every accepted request is answered once: by its batch, or by a stop that has no more time."""

import asyncio
import random

import numpy as np

from service.engine.open_requests import OpenRequests
from service.errors import Unavailable
from service.job import Answer, Job
from tests.service import toys

X = np.zeros((1, toys.WIDTH), np.float32)
ANSWER = Answer(X, X.astype(np.int32), X, 0.0, 0.0, 1)
REFUSAL = Unavailable("no time")


def accept(requests: OpenRequests, model: str = "toy") -> Job:
    job = Job(X, asyncio.get_running_loop().create_future(), 0.0)
    requests.add(model, job)
    return job


async def test_each_is_answered_once_whatever_a_batch_and_a_stop_do_and_in_which_order():
    chance = random.Random(0)
    requests = OpenRequests()
    jobs = {accept(requests, name): name for name in ("a", "b") * 50}
    tried = [(job, result) for job in jobs for result in (ANSWER, REFUSAL)]
    chance.shuffle(tried)

    for job, result in tried:
        requests.settle(jobs[job], job, result)
        if chance.random() < 0.1:
            job.future.cancel()
    await requests.all_answered()

    assert requests.accepted == requests.answered == 100
    assert requests.inflight("a") == requests.inflight("b") == 0
    first = {job: result for job, result in reversed(tried)}
    for job in jobs:
        assert job.future.exception() is (None if first[job] is ANSWER else REFUSAL)


async def test_what_is_given_up_is_refused_and_a_late_answer_changes_nothing():
    requests = OpenRequests()
    answered, open_ = accept(requests), accept(requests)
    requests.settle("toy", answered, ANSWER)

    assert requests.give_up(REFUSAL) == 1
    requests.settle("toy", open_, ANSWER)

    assert answered.future.result() is ANSWER
    assert open_.future.exception() is REFUSAL
    assert requests.accepted == requests.answered == 2
    assert requests.give_up(REFUSAL) == 0


async def test_a_client_that_has_left_counts_as_answered():
    requests = OpenRequests()
    accept(requests).future.cancel()

    assert requests.give_up(REFUSAL) == 1
    await requests.all_answered()
