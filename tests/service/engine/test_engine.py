"""Admission: what is accepted is answered exactly once, what is not is told why."""

import asyncio
import random
import time

import numpy as np
import pytest

from model_store.store import Checkpoint
from service.app import create_app
from service.errors import (
    DeadlinePassed,
    ModelNotServed,
    Overloaded,
    ServiceError,
    TooLarge,
    Unavailable,
)
from service.settings import Settings
from tests.service import toys

ROW = np.zeros((1, toys.WIDTH), np.float32)


async def test_everything_accepted_is_answered_once_whoever_leaves_meanwhile(engine):
    chance = random.Random(0)
    model = engine.model("toy")
    futures = []
    for _ in range(300):
        futures.append(engine.submit(model, np.repeat(ROW, chance.randint(1, 9), axis=0)))
        if chance.random() < 0.3:
            chance.choice(futures).cancel()
        if chance.random() < 0.2:
            await asyncio.sleep(0)  # a turn of the loop: lets a batch go

    outcomes = await asyncio.gather(*futures, return_exceptions=True)

    answered = [o for o in outcomes if not isinstance(o, BaseException)]
    cancelled = [o for o in outcomes if isinstance(o, asyncio.CancelledError)]
    assert len(answered) + len(cancelled) == 300
    assert (engine.requests.accepted, engine.requests.answered) == (300, 300)
    assert engine.requests.inflight("toy") == 0


@pytest.mark.parametrize("leaver", range(4))
async def test_a_client_that_leaves_takes_nobody_with_it(engine, leaver):
    model = engine.model("toy")
    engine.submit(model, ROW)  # alone, so answered at once; whoever follows waits for a batch
    futures = [engine.submit(model, ROW) for _ in range(4)]
    futures[leaver].cancel()

    others = [await future for k, future in enumerate(futures) if k != leaver]

    assert [answer.batch_rows for answer in others] == [3, 3, 3]


async def test_a_full_queue_refuses_at_once_and_says_when_to_come_back(toy_store):
    async with toys.running(store=toy_store.root, max_batch_rows=4, max_queue_rows=4) as (app, _):
        engine = app.state.engine
        engine.submit(engine.model("toy"), ROW)  # alone, so answered at once
        accepted = engine.submit(engine.model("toy"), np.repeat(ROW, 4, axis=0))

        with pytest.raises(Overloaded, match="holds 4 of at most 4 rows") as caught:
            engine.submit(engine.model("toy"), ROW)

        assert (caught.value.retry_after_s or 0) >= 1
        assert len((await accepted).logits) == 4


async def test_a_request_larger_than_a_batch_is_refused_with_the_limit(engine):
    with pytest.raises(TooLarge, match="at most 1024 rows, got 1025"):
        engine.submit(engine.model("toy"), np.repeat(ROW, 1025, axis=0))


async def test_a_deadline_that_has_passed_is_answered_as_such(engine):
    with pytest.raises(DeadlinePassed):
        await engine.submit(engine.model("toy"), ROW, deadline_s=time.monotonic())


async def test_draining_refuses_new_requests_and_answers_the_accepted(engine):
    accepted = engine.submit(engine.model("toy"), ROW)
    engine.drain()

    with pytest.raises(Unavailable, match="draining"):
        engine.submit(engine.model("toy"), ROW)
    assert (await accepted).batch_rows == 1


async def test_before_the_stop_it_is_not_ready_but_accepts(engine, client):
    engine.announce_stop()

    assert (await engine.submit(engine.model("toy"), ROW)).batch_rows == 1
    assert "\nfff_ready 0.0\n" in (await client.get("/metrics")).text
    for path in ("/readyz", "/v2/health/ready", "/v2/models/toy/ready"):
        assert (await client.get(path)).status_code == 503
    assert (await client.get("/healthz")).status_code == 200


async def test_what_is_given_up_is_not_computed(engine):
    model = engine.model("toy")
    engine.submit(model, ROW)  # alone, so answered at once; whoever follows waits for a batch
    waiting = [engine.submit(model, ROW) for _ in range(3)]
    engine.drain()
    batches: list[object] = []
    model.worker.backend.infer = batches.append

    assert engine.give_up() == 3
    await engine.stop()
    await asyncio.sleep(0)  # the batch that was to be computed

    for future in waiting:
        with pytest.raises(Unavailable, match="draining: these rows have not been computed"):
            await future
    assert (engine.requests.accepted, engine.requests.answered, batches) == (4, 4, [])


async def test_a_stop_amid_the_start_loads_no_further_model(toy_store, monkeypatch):
    loaded: list[str] = []
    engine = create_app(Settings(store=toy_store.root)).state.engine

    def load_and_stop(name: str, version: int) -> Checkpoint:
        loaded.append(name)
        engine.drain()
        checkpoint: Checkpoint = toy_store.load(name, version)
        return checkpoint

    monkeypatch.setattr(engine.store, "load", load_and_stop)
    await engine.start()

    assert (loaded, engine.state) == (["toy"], "draining")
    with pytest.raises(Unavailable, match="draining"):
        engine.model("toy-dense")


@pytest.mark.parametrize(("name", "version"), [("nope", None), ("toy", "2"), ("toy", "x")])
async def test_an_unknown_model_or_version_is_named_with_what_is_served(engine, name, version):
    with pytest.raises(ModelNotServed, match="served: (toy, toy-dense|1)"):
        engine.model(name, version)


async def test_the_newest_version_is_served(toy_store):
    for _ in range(10):
        toys.publish_another(toy_store)
    async with toys.running(store=toy_store.root) as (app, _):
        assert app.state.engine.model("toy").facts.version == 11


async def test_every_error_of_the_tree_has_a_status():
    from service.errors import STATUS

    direct = ServiceError.__subclasses__()
    assert {*direct, *(kind for base in direct for kind in base.__subclasses__())} == set(STATUS)
