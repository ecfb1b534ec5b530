"""Counters never go down, whatever is replaced or unloaded; they add up to what clients counted."""

import asyncio

import numpy as np
import pytest

from tests.service import toys
from tests.service.engine.test_repository import series
from tests.service.toys import publish_another as publish

ROW = np.zeros((1, toys.WIDTH), np.float32)
BODY = {"inputs": ROW.tolist()}
ROWS_ASKED = (1, 1, 2, 9, 40, 300)
COUNTERS = (
    *("fff_requests_total", "fff_rows_total", "fff_batch_close_total", "fff_leaf_rows_total"),
    *("fff_request_duration_seconds_count", "fff_batch_rows_sum", "fff_routing_margin_count"),
)


@pytest.fixture
def repository(toy):
    return toy[0].state.repository


def counted(app, name: str, **labels: str) -> dict[tuple[tuple[str, str], ...], float]:
    """A metric's samples that have these labels, by all of theirs."""
    samples = [s for family in app.state.engine.metrics.registry.collect() for s in family.samples]
    return {
        tuple(sorted(sample.labels.items())): sample.value
        for sample in samples
        if sample.name == name and labels.items() <= sample.labels.items()
    }


def total(app, name: str, **labels: str) -> float:
    return sum(counted(app, name, **labels).values())


async def test_under_load_every_request_is_answered_through_every_replacement(toy, toy_store):
    app, client = toy
    repository, versions, done = app.state.repository, [], asyncio.Event()
    before: dict[str, float] = {}

    async def ask(rows: int) -> int:
        answered = 0
        while not done.is_set():
            body = {"inputs": ROW.tolist() * rows}
            response = await client.post("/v1/models/toy/predict", json=body)
            assert response.status_code == 200, response.text
            versions.append(response.json()["version"])
            answered += 1
        return answered

    clients = [asyncio.create_task(ask(rows)) for rows in ROWS_ASKED]
    for _ in range(4):
        publish(toy_store)
        await repository.load("toy")
        now = {name: total(app, name) for name in COUNTERS}
        assert all(now[name] >= before.get(name, 0) for name in COUNTERS)
        before = now
    while 5 not in versions:
        await asyncio.sleep(0)
    done.set()
    counts = await asyncio.gather(*clients)

    assert min(counts) > 0
    assert {*versions} >= {1, 5}
    engine = app.state.engine
    assert engine.requests.accepted == engine.requests.answered == len(versions)
    for version in {*versions}:
        labels = {"model": "toy", "version": str(version)}
        assert total(app, "fff_requests_total", code="200", **labels) == versions.count(version)
    asked = sum(answered * rows for answered, rows in zip(counts, ROWS_ASKED, strict=True))
    for name in ("fff_rows_total", "fff_leaf_rows_total", "fff_routing_margin_count"):
        assert total(app, name, model="toy") == asked
    for name in ("fff_request_duration_seconds_count", "fff_queue_duration_seconds_count"):
        assert total(app, name, model="toy") == len(versions)


async def test_a_request_that_is_answered_after_its_model_was_unloaded_is_counted(toy, repository):
    app = toy[0]
    model = app.state.engine.model("toy")
    await repository.unload("toy")

    for inline_rows in (0, 64):
        model.worker.inline_rows = inline_rows
        await app.state.engine.submit(model, ROW)

    for name in ("fff_rows_total", "fff_leaf_rows_total", "fff_queue_duration_seconds_count"):
        assert total(app, name, model="toy") == 2


async def test_the_same_version_goes_on_with_its_counters_and_its_statistics_begin_anew(
    toy, repository
):
    app, client = toy
    before = series(app)
    for loads in range(1, 4):
        for _ in range(loads):
            await client.post("/v1/models/toy/predict", json=BODY)
        (stats,) = (await client.get("/v2/models/toy/stats")).json()["model_stats"]
        (layer,) = (await client.get("/v1/models/toy/leaves")).json()["layers"]

        assert stats["inference_stats"]["success"]["count"] == stats["inference_count"] == loads
        assert layer["rows_total"] == loads
        await repository.unload("toy")
        await repository.load("toy")

    assert series(app) == before
    for name in COUNTERS:
        assert total(app, name, model="toy") == 6
