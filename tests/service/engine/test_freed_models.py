"""A model that is no longer served is free with its last request, without the collector."""

import asyncio
import gc
import weakref

import numpy as np
import pytest
import torch

from fff.backends import Backend
from fff.weights import Weights
from model_store.store import Checkpoint
from service.engine import loading
from service.engine.warmup import WarmUp, WarmupFailed
from tests.service import gpu, toys

KEY = "correct horse battery staple"
ADMIN = {"Authorization": f"Bearer {KEY}"}
ROW = np.zeros((1, toys.WIDTH), np.float32)


@pytest.fixture
async def toy(toy_store):
    async with toys.running(store=toy_store.root, admin_key=KEY) as running:
        yield running


BACKENDS: dict[str, dict[str, object]] = {
    "numba": {"backend": "numba"},
    "numba, two threads": {"backend": "numba", "compute_threads": 2},
    "torch": {"backend": "torch"},
    "a GPU's stand-in": {"device": "cuda"},
    "shadowed": {"shadow_ratio": 1.0},
}


@pytest.fixture
def no_collector():
    """As in the service, where the collector passes by too seldom to wait for it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("name", ["toy", "toy-dense"])
@pytest.mark.parametrize("backend", BACKENDS)
async def test_an_unloaded_model_is_gone_at_once(
    toy_store, monkeypatch, no_collector, backend, name
):
    if backend == "a GPU's stand-in":
        gpu.install(monkeypatch)
    async with toys.running(store=toy_store.root, admin_key=KEY, **BACKENDS[backend]) as running:
        app, client = running
        for rows, inline_rows in ((1, 64), (9, 0)):  # in the loop, then in the thread
            app.state.engine.model(name).worker.inline_rows = inline_rows
            body = {"inputs": ROW.tolist() * rows}
            assert (await client.post(f"/v1/models/{name}/predict", json=body)).is_success
        model = app.state.engine.model(name)
        left = [weakref.ref(part) for part in (model.worker.backend, model.worker, model.metrics)]
        del model

        unloaded = await client.post(f"/v2/repository/models/{name}/unload", headers=ADMIN)

        await asyncio.sleep(0)  # a sample is offered in the turn after its answers

        assert unloaded.is_success
        assert [part() for part in left] == [None] * 3
        assert not toys.compute_threads()


async def test_a_replaced_model_is_gone_at_once(toy, toy_store, no_collector):
    app, client = toy
    left = weakref.ref(app.state.engine.model("toy").worker.backend)
    toys.publish_another(toy_store)

    loaded = await client.post("/v2/repository/models/toy/load", headers=ADMIN)

    assert loaded.is_success
    assert left() is None


@pytest.mark.parametrize("at", ["backend", "warm-up"])
async def test_a_load_that_fails_leaves_nothing_behind(
    toy, toy_store, monkeypatch, no_collector, at
):
    """An exception holds the frames it came through, and they what was being loaded."""
    toys.publish_another(toy_store)
    left: list[weakref.ref[object]] = []

    def fail(weights: Weights, *_: object) -> Backend:
        left.append(weakref.ref(weights.tensors()["w1"]))
        raise torch.OutOfMemoryError("CUDA out of memory")

    def broken(checkpoint: Checkpoint, backend: Backend, *_: object) -> WarmUp:
        left.extend((weakref.ref(backend), weakref.ref(checkpoint.weights.tensors()["w1"])))
        raise WarmupFailed("other leaves")

    if at == "backend":
        monkeypatch.setattr(loading, "build_backend", fail)
    else:
        monkeypatch.setattr(loading, "warm_up", broken)
    refused = await toy[1].post("/v2/repository/models/toy/load", headers=ADMIN)

    assert not refused.is_success
    assert left
    assert [part() for part in left] == [None] * len(left)
