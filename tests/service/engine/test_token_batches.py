"""Texts of different lengths in one batch: their own answers, and counts of what they are."""

import asyncio

import numpy as np
import pytest
import torch

from fff.inference_result import InferenceResult
from networks.backends import build_backend
from networks.ragged import NO_TOKEN, cost_of
from networks.reference import turned
from service.errors import Overloaded
from service.job import Answer
from tests.networks import texts
from tests.service import toys
from tests.service.protocol.token_requests import make_store

LENGTHS = [int(n) for n in np.random.default_rng(0).integers(1, texts.LENGTH + 1, 24)]


def own_ids(seed: int, length: int) -> np.ndarray:
    ids: np.ndarray = texts.random_ids([length, 1 + length // 2], seed).numpy()
    return ids


@pytest.mark.parametrize("name", ["texts", "words"])
async def test_jobs_of_different_lengths_share_batches_and_keep_their_answers(tmp_path, name):
    network = texts.network("tokens" if name == "words" else "classes")
    alone = build_backend(network, torch.device("cpu"), strict=True)
    async with toys.running(store=make_store(tmp_path).root) as (app, _):
        engine = app.state.engine
        model = engine.model(name)
        model.worker.inline_rows = 0
        jobs = [own_ids(seed, length) for seed, length in enumerate(LENGTHS)]
        observed = [engine.submit(model, ids, observed=k > 0) for k, ids in enumerate(jobs)]
        answers: list[Answer] = await asyncio.gather(*observed)
        counted = model.metrics.layers[0].snapshot().total.sum()

    assert max(answer.batch_rows for answer in answers) > 2
    for ids, answer in zip(jobs, answers, strict=True):
        expected = alone.infer(torch.from_numpy(ids))
        result = InferenceResult(*(torch.from_numpy(part.copy()) for part in answer[:3]))
        other, excused = turned(expected, result)
        assert not (other & ~excused).any()
        assert torch.allclose(result.logits[~other], expected.logits[~other], atol=1e-4)
    assert counted == sum(int((ids != NO_TOKEN).sum()) for ids in jobs[1:])


async def test_the_queue_is_bounded_by_tokens_and_says_when_to_come_back(tmp_path):
    limits = {"max_batch_rows": 64, "max_queue_rows": 100}
    async with toys.running(store=make_store(tmp_path).root, **limits) as (app, _):
        engine = app.state.engine
        model = engine.model("texts")
        model.worker.inline_rows = 0
        long = own_ids(0, texts.LENGTH)[:1]
        waiting = [engine.submit(model, long) for _ in range(2)]
        with pytest.raises(Overloaded, match="80 of at most 100 tokens") as refused:
            engine.submit(model, long)
        queue = model.worker.batcher
        assert (queue.queued_tokens, queue.queued_rows) == (2 * cost_of(long), 2)
        await asyncio.gather(*waiting)

    assert refused.value.retry_after_s == 1
