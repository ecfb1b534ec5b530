"""Loading and unloading while serving: nothing accepted is lost, nothing is left behind."""

import asyncio
import re

import numpy as np
import pytest
from prometheus_client.exposition import generate_latest

from service.errors import LoadFailed, ModelNotServed, Unavailable
from tests.service import toys

KEY = "correct horse battery staple"
ADMIN = {"Authorization": f"Bearer {KEY}"}
ROW = np.zeros((1, toys.WIDTH), np.float32)
BODY = {"inputs": ROW.tolist()}


@pytest.fixture
async def toy(toy_store):
    async with toys.running(store=toy_store.root, admin_key=KEY) as (app, client):
        yield app, client


@pytest.fixture
def repository(toy):
    return toy[0].state.repository


def series(app) -> set[str]:
    """Every series of a model, without its value."""
    text = generate_latest(app.state.engine.metrics.registry).decode()
    lines = (line.rpartition(" ")[0] for line in text.splitlines())
    return {line for line in lines if 'model="' in line}


def is_gauge(line: str) -> bool:
    """Counters end in total, histograms in these."""
    return not line.partition("{")[0].endswith(("_total", "_bucket", "_sum", "_count"))


async def test_the_newest_version_takes_over_and_only_counters_of_the_former_stay(toy, toy_store):
    app, client = toy
    before = series(app)
    toys.publish_another(toy_store)

    loaded = await client.post("/v2/repository/models/toy/load", headers=ADMIN)

    assert (loaded.status_code, loaded.content) == (200, b"")
    assert (await client.get("/v2/models/toy")).json()["versions"] == ["2"]
    answered = await client.post("/v1/models/toy/predict", json=BODY)
    assert answered.json()["version"] == 2
    former = {line for line in series(app) if 'model="toy"' in line and 'version="1"' in line}
    assert former == {line for line in before & former if not is_gauge(line)}
    newest = {line.replace('version="2"', 'version="1"') for line in series(app)}
    assert {re.sub('sha256=".*?"', "", line) for line in before} == {
        re.sub('sha256=".*?"', "", line) for line in newest
    }


async def test_under_load_every_request_is_answered_through_every_replacement(toy, toy_store):
    app, client = toy
    repository, versions, done = app.state.repository, [], asyncio.Event()

    async def ask(rows: int) -> int:
        answered = 0
        while not done.is_set():
            body = {"inputs": ROW.tolist() * rows}
            response = await client.post("/v1/models/toy/predict", json=body)
            assert response.status_code == 200, response.text
            versions.append(response.json()["version"])
            answered += 1
        return answered

    clients = [asyncio.create_task(ask(rows)) for rows in (1, 1, 2, 9, 40, 300)]
    for _ in range(4):
        toys.publish_another(toy_store)
        await repository.load("toy")
    while 5 not in versions:
        await asyncio.sleep(0)
    done.set()
    counts = await asyncio.gather(*clients)

    assert min(counts) > 0
    assert {*versions} >= {1, 5}
    engine = app.state.engine
    assert engine.requests.accepted == engine.requests.answered == len(versions)


async def test_what_an_unloaded_model_has_accepted_is_answered(toy, repository):
    app, client = toy
    engine = app.state.engine
    model = engine.model("toy")
    model.worker.inline_rows = 0  # in the thread, so that something is under way
    accepted = [engine.submit(model, ROW) for _ in range(20)]
    await asyncio.sleep(0)  # the first batch is in the thread
    accepted += [engine.submit(model, ROW) for _ in range(20)]

    await repository.unload("toy")

    assert all(future.done() for future in accepted)
    assert {len((await future).logits) for future in accepted} == {1}
    refused = await client.post("/v1/models/toy/predict", json=BODY)
    assert (refused.status_code, "not served" in refused.json()["error"]) == (404, True)


async def test_a_request_that_found_the_model_before_it_left_is_answered_by_it(toy, repository):
    """Its body was still being read; the thread it needs is begun and ended once more."""
    engine = toy[0].state.engine
    model = engine.model("toy")
    model.worker.inline_rows = 0
    await repository.unload("toy")

    answer = await engine.submit(model, ROW)

    assert len(answer.logits) == 1
    assert not toys.compute_threads()
    assert not {line for line in series(toy[0]) if 'model="toy"' in line and is_gauge(line)}


async def test_a_hundred_loads_and_unloads_leave_no_series_and_no_thread(toy, repository):
    app, _ = toy
    engine, before = app.state.engine, series(app)

    for _ in range(100):
        await engine.submit(engine.model("toy"), np.repeat(ROW, 9, axis=0))
        await repository.unload("toy")
        assert not {line for line in series(app) if 'model="toy"' in line and is_gauge(line)}
        await repository.load("toy")

    assert series(app) == before
    assert not toys.compute_threads()


async def test_a_load_that_fails_keeps_what_is_served_and_says_why(toy, toy_store):
    _, client = toy
    broken = toy_store.root / "toy" / str(toys.publish_another(toy_store)) / "model.safetensors"
    broken.write_bytes(broken.read_bytes()[:-1] + b"\x01")

    refused = await client.post("/v2/repository/models/toy/load", headers=ADMIN)

    assert refused.status_code == 400
    assert "SHA-256" in refused.json()["error"]
    assert str(toy_store.root) not in refused.text
    assert (await client.post("/v1/models/toy/predict", json=BODY)).json()["version"] == 1
    index = (await client.post("/v2/repository/index")).json()
    states = {m["version"]: (m["state"], m["reason"]) for m in index if m["name"] == "toy"}
    assert states["1"] == ("READY", "")
    assert states["2"] == ("UNAVAILABLE", refused.json()["error"])


async def test_a_load_of_what_is_served_checks_it_and_changes_nothing(toy, repository, toy_store):
    served = toy[0].state.engine.model("toy")
    await repository.load("toy")
    assert toy[0].state.engine.model("toy") is served

    weights = toy_store.root / "toy" / "1" / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + b"\0")
    with pytest.raises(LoadFailed, match="SHA-256"):
        await repository.load("toy")
    assert toy[0].state.engine.model("toy") is served


async def test_loads_of_one_model_wait_for_their_turn(toy, repository, toy_store, monkeypatch):
    loader, at_once, most = toy[0].state.engine.loader, 0, 0
    prepare = loader.prepare

    def counted(checkpoint):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        prepared = prepare(checkpoint)
        at_once -= 1
        return prepared

    monkeypatch.setattr(loader, "prepare", counted)
    toys.publish_another(toy_store)

    await asyncio.gather(*(repository.load("toy") for _ in range(5)))

    assert most == 1
    assert toy[0].state.engine.model("toy").facts.version == 2


async def test_the_index_shows_versions_that_are_not_served_and_while_they_load(
    toy, repository, toy_store, monkeypatch
):
    toys.publish_another(toy_store)
    (_, newest, _) = await repository.index()
    assert newest == {
        "name": "toy",
        "version": "2",
        "state": "UNAVAILABLE",
        "reason": "version 1 is served",
    }

    with toys.held(monkeypatch, toy[0].state.engine.loader, "prepare") as begun:
        load = asyncio.create_task(repository.load("toy"))
        await asyncio.to_thread(begun.wait)
        states = [entry["state"] for entry in await repository.index()]
    await load

    assert states == ["READY", "LOADING", "READY"]
    assert [e["version"] for e in await repository.index(ready=True)] == ["2", "1"]


async def test_a_model_that_is_new_in_the_store_can_be_loaded(toy, repository, toy_store):
    weights = toy_store.load("toy").weights
    toy_store.publish("another", weights, origin=toys.ORIGIN)

    await repository.load("another")

    answered = await toy[1].post("/v1/models/another/predict", json=BODY)
    assert (answered.status_code, answered.json()["model"]) == (200, "another")
    assert list(toy[0].state.engine.models) == ["another", "toy", "toy-dense"]


async def test_neither_loads_nor_unloads_while_draining(toy, repository):
    toy[0].state.engine.drain()
    with pytest.raises(Unavailable, match="draining"):
        await repository.load("toy")
    with pytest.raises(Unavailable, match="draining"):
        await repository.unload("toy")


async def test_unloading_what_is_not_served_is_told(repository):
    with pytest.raises(ModelNotServed, match="served: toy, toy-dense"):
        await repository.unload("nope")


async def test_a_store_that_has_gone_still_lists_what_is_served(toy, repository, toy_store):
    toy_store.root.rename(toy_store.root.with_name("elsewhere"))

    assert [entry["state"] for entry in await repository.index()] == ["READY", "READY"]
    with pytest.raises(LoadFailed, match="the store is not there") as caught:
        await repository.load("toy")
    assert str(toy_store.root) not in str(caught.value)
