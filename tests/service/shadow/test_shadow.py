"""The shadow in a running service: its counts, and that no live request ever notices it."""

import asyncio
import gc
import os
import signal
import time
import weakref
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

from fff.layers import Dense
from networks import reference
from service.engine.engine import Engine
from service.errors import InvalidInput
from service.shadow import task as shadow_task
from service.shadow.sampler import Shadow
from service.shadow.stats import ShadowSnapshot
from tests.service import regression, toys
from tests.service.regression import UNITS

ROWS = np.random.default_rng(0).normal(size=(50, toys.WIDTH)).astype(np.float32)
DEADLINE_S = 120.0  # its process gets only what others leave of the processors


def snapshot(engine: Engine, model: str = "toy") -> ShadowSnapshot:
    shadow = engine.model(model).worker.sampler
    assert isinstance(shadow, Shadow)
    return shadow.stats.snapshot()


def has_dropped(engine: Engine, rows: int) -> bool:
    return snapshot(engine).dropped == rows


async def until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline_s
        await asyncio.sleep(0.005)


async def shadow_series(client) -> set[str]:
    text = (await client.get("/metrics")).text
    return {line for line in text.splitlines() if line.startswith("fff_shadow")}


def publish_twin(store, hidden: int = 16) -> None:
    weights = Dense(toys.WIDTH, toys.OUTPUTS, hidden).weights()
    store.publish("toy-dense", weights, origin=toys.ORIGIN)


@pytest.fixture
async def shadowed(toy_store):
    async with toys.running(store=toy_store.root, shadow_ratio=1.0, admin_key="key") as running:
        yield running


async def test_off_by_default_there_is_no_series_and_no_process(toy):
    app, client = toy
    await client.post("/v1/models/toy/predict", json={"inputs": ROWS.tolist()})

    assert not await shadow_series(client)
    assert (await client.get("/v1/models/toy")).json()["shadow"] is None
    assert app.state.shadows is None


async def test_what_the_shadow_finds_is_what_both_networks_say_of_the_same_rows(
    shadowed, toy_store
):
    app, client = shadowed
    engine = app.state.engine
    labels = '{baseline="toy-dense",model="toy",version="1"}'
    before = await shadow_series(client)
    assert {f"fff_shadow_rows_total{labels} 0.0", f"fff_shadow_dropped_rows_total{labels} 0.0"} < (
        before
    )
    assert not {line for line in before if "ratio" in line}

    for part in (ROWS[:1], ROWS[1:30], ROWS[30:]):
        await client.post("/v1/models/toy/predict", json={"inputs": part.tolist()})
    bad = np.full((4, toys.WIDTH), np.nan, np.float32)
    with pytest.raises(InvalidInput):
        await engine.submit(engine.model("toy"), bad)
    await client.post("/v1/compare", json={"model": "toy", "inputs": ROWS.tolist()})
    await until(lambda: snapshot(engine).rows == 100)  # a comparison's rows count once, as traffic

    x = torch.from_numpy(ROWS)
    fff, dense = (reference.infer(x, toy_store.load(m).weights).logits for m in engine.models)
    difference = (fff - dense).abs().amax(1)
    shown = snapshot(engine)
    assert (shown.dropped, shown.waiting, shown.window_rows) == (0, 0, 100)
    assert shown.agreement == float((fff.argmax(1) == dense.argmax(1)).double().mean())
    assert shown.largest_difference_sum == pytest.approx(2 * float(difference.sum()), rel=1e-4)
    assert shown.speedup is not None
    assert shown.speedup > 0
    described = (await client.get("/v1/models/toy")).json()["shadow"]
    assert (described["rows"], described["agreement"]) == (100, shown.agreement)
    assert described["mean_difference"] == pytest.approx(float(difference.mean()), rel=1e-4)
    assert f"fff_shadow_agreement_ratio{labels} {shown.agreement}" in await shadow_series(client)
    assert f"fff_shadow_output_difference_count{labels} 100.0" in await shadow_series(client)


async def test_values_agree_where_every_one_is_within_the_tolerance_of_the_models_own_target(
    tmp_path,
):
    """The twin's own tolerance, which is another, counts for nothing."""
    store = regression.make_store(tmp_path)
    manifest = store.manifest("terrain")
    loose = {"origin": toys.ORIGIN, "targets": regression.targets(UNITS, tolerance=1e6)}
    store.publish("terrain-dense", store.load("terrain-dense").weights, **loose)
    async with toys.running(store=store.root, shadow_ratio=1.0) as (app, client):
        await client.post("/v1/models/terrain/predict", json={"inputs": ROWS.tolist()})
        await until(lambda: snapshot(app.state.engine, "terrain").rows == 50)
        shown = (await client.get("/v1/models/terrain")).json()["shadow"]
        series = await shadow_series(client)

    x = torch.from_numpy(ROWS)
    fff, dense = (
        reference.infer(x, store.load(name).weights).logits.double()
        for name in ("terrain", "terrain-dense")
    )
    within = (fff - dense).abs() <= torch.tensor(manifest.tolerances)
    assert 0 < shown["agreement"] < 1
    assert shown["agreement"] == float(within.all(1).double().mean())
    labels = '{baseline="terrain-dense",model="terrain",version="1"}'
    assert f"fff_shadow_agreement_ratio{labels} {shown['agreement']}" in series


async def test_the_twin_may_be_unloaded_and_replaced_at_any_time(shadowed, toy_store, caplog):
    app, client = shadowed
    engine, repository = app.state.engine, app.state.repository
    model = engine.model("toy")
    await engine.submit(model, ROWS)
    await until(lambda: snapshot(engine).rows == 50)

    await repository.unload("toy-dense")
    assert len((await engine.submit(model, ROWS)).logits) == 50
    publish_twin(toy_store)
    await repository.load("toy-dense")
    await engine.submit(model, ROWS[:20])
    await until(lambda: snapshot(engine).rows == 70)

    second = reference.infer(torch.from_numpy(ROWS[:20]), toy_store.load("toy-dense").weights)
    first = reference.infer(torch.from_numpy(ROWS[:20]), toy_store.load("toy").weights)
    same = (first.logits.argmax(1) == second.logits.argmax(1)).double().mean()
    assert (snapshot(engine).window_rows, snapshot(engine).agreement) == (20, float(same))
    assert caplog.text.count("nothing is sampled") == 1
    gone = weakref.ref(model.worker.backend)
    del model
    before = await shadow_series(client)
    await repository.unload("toy")
    gc.collect()
    assert gone() is None
    assert await shadow_series(client) == {line for line in before if "_ratio{" not in line}

    await repository.load("toy")  # the same version goes on with its counters
    await engine.submit(engine.model("toy"), ROWS[:20])
    await until(lambda: snapshot(engine).rows == 90)


async def test_a_twin_that_fails_and_a_process_that_dies_harm_nobody(
    shadowed, toy_store, caplog, monkeypatch
):
    monkeypatch.setattr(shadow_task, "FAILURE_REST_S", 0.0)
    app, engine = shadowed[0], shadowed[0].state.engine
    model, weights = engine.model("toy"), toy_store.root / "toy-dense" / "1" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + b"\x01")
    for rows in (50, 100, 150):
        assert len((await engine.submit(model, ROWS)).logits) == 50
        await until(partial(has_dropped, engine, rows))
    assert caplog.text.count("baseline toy-dense failed: ChecksumMismatch") == 1

    weights.write_bytes(whole)
    await engine.submit(model, ROWS)
    await until(lambda: snapshot(engine).rows == 50)

    os.kill(app.state.shadows.link.pid, signal.SIGKILL)
    await engine.submit(model, ROWS)
    await until(lambda: snapshot(engine).waiting == 0)
    await engine.submit(model, ROWS)
    await until(lambda: snapshot(engine).rows >= 100)
    assert engine.requests.accepted == engine.requests.answered == 6


async def test_a_slow_twin_loses_samples_and_keeps_no_request_nor_the_stop_waiting(toy_store):
    """It takes 10 ms a row: the queue fills while the first batch is computed."""
    publish_twin(toy_store, hidden=2**18)
    settings = {"store": toy_store.root, "max_batch_rows": 64, "shadow_ratio": 1.0}
    async with toys.running(**settings) as (app, _):
        engine = app.state.engine
        model, process = engine.model("toy"), app.state.shadows.link
        for submitted in range(1, 41):
            assert len((await engine.submit(model, ROWS)).logits) == 50
            await asyncio.sleep(0)  # a turn of the loop: samples are offered after the answers
            shown = snapshot(engine)
            assert shown.rows + shown.dropped + shown.waiting == 50 * submitted
            assert shown.waiting <= 128
        assert shown.dropped > 0
        await until(lambda: process.pid is not None)
        pid = process.pid
        await until(lambda: os.sched_getscheduler(pid) == os.SCHED_IDLE)
        assert os.getpriority(os.PRIO_PROCESS, pid) == 19
        began_s = time.monotonic()

    assert time.monotonic() - began_s < 5
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
