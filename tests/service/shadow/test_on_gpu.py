"""The shadow of a model on a GPU: its twin computes on the CPU, and nobody claims a speed-up."""

import asyncio
import time

import numpy as np
import pytest
import torch

from fff import reference
from service.shadow.sampler import Shadow
from tests.service import gpu, toys

ROWS = np.random.default_rng(0).normal(size=(50, toys.WIDTH)).astype(np.float32)
DEADLINE_S = 120.0  # its process gets only what others leave of the processors


async def rows_of(shadow: Shadow) -> int:
    """Wait until the shadow has made something of every row."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not shadow.stats.offered or shadow.stats.waiting:
        assert time.monotonic() < deadline_s
        await asyncio.sleep(0.005)
    return shadow.stats.snapshot().rows


@pytest.mark.parametrize(
    "settings",
    [{}, {"backend": "triton", "leaf_dtype": "bfloat16"}],
    ids=["auto", "triton-bfloat16"],
)
async def test_agreement_and_difference_are_shown_and_no_speed_up(
    toy_store, monkeypatch, caplog, settings
):
    gpu.install(monkeypatch)
    caplog.set_level("INFO")
    settings |= {"store": toy_store.root, "device": "cuda", "shadow_ratio": 1.0}
    async with toys.running(**settings) as (app, client):
        engine = app.state.engine
        await engine.submit(engine.model("toy"), ROWS)
        rows = await rows_of(engine.model("toy").worker.sampler)
        shown = (await client.get("/v1/models/toy")).json()
        series = (await client.get("/metrics")).text

    x = torch.from_numpy(ROWS)
    fff, dense = (reference.infer(x, toy_store.load(m).weights).logits for m in engine.models)
    agreement = float((fff.argmax(1) == dense.argmax(1)).double().mean())
    shadow = shown["shadow"]
    assert (rows, shown["device"], shadow["speedup"]) == (50, "cuda", None)
    assert shadow["agreement"] == pytest.approx(agreement, abs=0.05)  # bfloat16 may turn a class
    assert shadow["mean_difference"] > 0
    assert "\nfff_shadow_agreement_ratio{" in series
    assert "\nfff_shadow_speedup_ratio{" not in series
    assert "shadow of toy: no speed-up, since it computes on cuda" in caplog.text
