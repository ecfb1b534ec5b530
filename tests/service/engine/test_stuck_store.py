"""A store that hangs keeps its own callers waiting, and nobody else."""

import asyncio
import gzip
import json
import threading

import numpy as np
import pytest

from model_store.store import Store
from service.engine import repository as repository_module
from service.engine.store_threads import StoreThreads
from tests.service import toys

KEY = "correct horse battery staple"
ADMIN = {"Authorization": f"Bearer {KEY}"}
ROW = np.zeros((1, toys.WIDTH), np.float32)
BODY = {"inputs": ROW.tolist()}


@pytest.fixture
async def toy(toy_store):
    async with toys.running(store=toy_store.root, admin_key=KEY) as running:
        yield running


@pytest.fixture
def repository(toy):
    return toy[0].state.repository


async def test_loads_that_hang_keep_neither_large_requests_nor_the_index_waiting(
    toy, repository, toy_store, monkeypatch
):
    """A disk of the network may hang for hours; more loads than asyncio's pool has threads."""
    names = [f"stuck-{number}" for number in range(40)]
    for name in names:
        toy_store.publish(name, toy_store.load("toy-dense").weights, origin=toys.ORIGIN)
    large = {"inputs": ROW.tolist() * 1024}

    with toys.held(monkeypatch, toy[0].state.engine.loader, "prepare") as begun:
        loads = [asyncio.create_task(repository.load(name)) for name in names]
        await asyncio.to_thread(begun.wait)
        content = gzip.compress(json.dumps(large).encode())  # is parsed in a thread
        answered = await toy[1].post(
            "/v1/models/toy/predict", content=content, headers={"content-encoding": "gzip"}
        )
        states = {entry["name"]: entry["state"] for entry in await repository.index()}
    await asyncio.gather(*loads)

    assert answered.status_code == 200
    assert {states.pop("toy"), states.pop("toy-dense")} == {"READY"}
    assert {*states.values()} == {"LOADING"}


async def test_a_store_that_does_not_answer_is_told_and_asked_once(
    toy, repository, toy_store, monkeypatch
):
    monkeypatch.setattr(repository_module, "LISTING_S", 0.0)
    listings = 0
    contents = Store.contents

    def counted(store: Store) -> dict[str, list[int]]:
        nonlocal listings
        listings += 1
        return contents(store)

    monkeypatch.setattr(Store, "contents", counted)
    with toys.held(monkeypatch, Store, "contents") as begun:
        first = await toy[1].post("/v2/repository/index")
        await asyncio.to_thread(begun.wait)
        others = [await toy[1].post("/v2/repository/index") for _ in range(3)]
        answered = await toy[1].post("/v1/models/toy/predict", json=BODY)

    for refused in (first, *others):
        assert refused.status_code == 503
        assert refused.json() == {"error": "the store does not answer"}
    assert answered.status_code == 200
    assert listings <= 1


async def test_a_call_that_never_ends_keeps_no_process_from_ending():
    """The interpreter waits for threads that are no daemons, asyncio for those of its pool."""
    threads, begun, go_on = StoreThreads("stuck", 1), threading.Event(), threading.Event()
    daemons: list[bool] = []

    def hang() -> None:
        daemons.append(threading.current_thread().daemon)
        begun.set()
        go_on.wait()

    call = asyncio.create_task(threads.run(hang))
    await asyncio.to_thread(begun.wait)
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    go_on.set()
    assert daemons == [True]


async def test_no_more_calls_run_than_may_even_where_nobody_waits_for_them_any_more():
    threads, begun, go_on = StoreThreads("stuck", 1), threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        go_on.wait()

    given_up = asyncio.create_task(threads.run(hang))
    await asyncio.to_thread(begun.wait)
    given_up.cancel()
    second = asyncio.create_task(threads.run(go_on.is_set))
    await asyncio.sleep(0)
    assert not second.done()
    go_on.set()

    assert await second


async def test_an_exception_of_the_call_is_the_callers():
    with pytest.raises(ZeroDivisionError):
        await StoreThreads("store", 1).run(lambda: 1 // 0)
