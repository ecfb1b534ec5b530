"""The asynchronous client against the real service: many calls, cancelled ones, refused ones."""

import asyncio
from functools import partial

import httpx
import numpy as np
import pytest
from fff_client import AsyncClient, Client, Prediction, RequestRefused, Unavailable

from service.app import create_app
from service.settings import Settings
from tests.service import toys

ROWS = np.random.default_rng(0).normal(size=(40, toys.WIDTH)).astype(np.float32)


async def test_two_hundred_predictions_at_once(url):
    async with AsyncClient(url, connections=16) as client:
        expected = (await client.predict("toy", ROWS)).logits

        predictions = await asyncio.gather(
            *(client.predict("toy", ROWS[k % 40]) for k in range(200))
        )

    np.testing.assert_array_equal(
        np.concatenate([prediction.logits for prediction in predictions]),
        np.resize(expected, (200, toys.OUTPUTS)),
    )


async def test_a_call_may_be_cancelled_at_any_turn_and_costs_no_connection(url):
    async with AsyncClient(url, connections=2, timeout_s=5) as client:
        for turns in range(60):  # a call takes some 40 turns of the loop
            calls = [asyncio.create_task(client.predict("toy", ROWS)) for _ in range(5)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for call in calls[:4]:
                call.cancel()
            *_, last = await asyncio.gather(*calls, return_exceptions=True)
            assert isinstance(last, Prediction)
            assert last.version == 1


async def test_the_asynchronous_client_has_the_results_of_the_blocking_one(url):
    with Client(url) as client:
        async with AsyncClient(url) as other:
            await other.wait_until_ready()
            assert await other.ready()
            assert await other.models() == client.models()
            assert await other.model("toy") == client.model("toy")
            assert (await other.leaves("toy"))["model"] == "toy"
            assert (await other.compare("toy", ROWS)).rows == 40
            with pytest.raises(RequestRefused, match="not served"):
                await other.predict("nope", ROWS)


async def test_a_request_that_an_overloaded_service_refused_succeeds_later(toy_store):
    """Every call succeeds, though the queue holds one of their batches at a time."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        while app.state.engine.requests.inflight("toy"):
            await asyncio.sleep(0.001)  # they were accepted and compute

    settings = {"store": toy_store.root, "max_batch_rows": 40, "max_queue_rows": 40}
    async with toys.running(**settings) as (app, _):
        transport = partial(httpx.ASGITransport, app)
        client = AsyncClient(transport=transport, sleep=sleep, retries=20, jitter=lambda: 0.5)
        await client.predict("toy", ROWS)  # Retry-After needs a batch to be computed from
        predictions = await asyncio.gather(*(client.predict("toy", ROWS) for _ in range(20)))

    first, *others = predictions
    assert all((other.logits == first.logits).all() for other in others)
    assert set(slept) == {1.25}  # Retry-After: 1, and a quarter


async def test_a_service_that_starts_is_waited_for(toy_store):
    app = create_app(Settings(store=toy_store.root))
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await app.state.starting

    async with app.router.lifespan_context(app):
        transport = partial(httpx.ASGITransport, app)
        hasty = AsyncClient(transport=transport, retries=0)
        client = AsyncClient(transport=transport, sleep=sleep, jitter=lambda: 0.0)
        with pytest.raises(Unavailable, match="starting") as raised:
            await hasty.predict("toy", ROWS)
        assert not await client.ready()
        prediction = await client.predict("toy", ROWS)
        await client.wait_until_ready()

    assert raised.value.retry_after_s == 1
    assert len(prediction.logits) == 40
    assert slept == [1.0]
