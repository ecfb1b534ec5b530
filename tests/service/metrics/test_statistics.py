"""The protocol's statistics are counted where the metrics are, and say the same."""

import time
from typing import Any

import numpy as np
import pytest

from tests.service import toys

BODY = {"inputs": [[0.0] * toys.WIDTH] * 3}


async def stats(client, path="/v2/models/toy/stats") -> dict[str, Any]:
    only: dict[str, Any]
    (only,) = (await client.get(path)).json()["model_stats"]
    return only


async def test_an_idle_model_has_counted_nothing(client):
    idle = await stats(client)
    assert (idle["name"], idle["version"], idle["last_inference"]) == ("toy", "1", 0)
    assert (idle["inference_count"], idle["execution_count"], idle["batch_stats"]) == (0, 0, [])
    assert all(part == {"count": 0, "ns": 0} for part in idle["inference_stats"].values())


async def test_rows_batches_and_durations_are_those_of_the_metrics(client):
    begun_ms = time.time() * 1e3
    for _ in range(2):
        await client.post("/v1/models/toy/predict", json=BODY)
    await client.post("/v1/models/toy/predict", json={"inputs": BODY["inputs"] * 2})
    await client.post("/v1/models/toy/predict", content=b"rubbish")

    counted = await stats(client)

    assert (counted["inference_count"], counted["execution_count"]) == (12, 3)
    assert begun_ms - 1 <= counted["last_inference"] <= time.time() * 1e3
    parts = counted["inference_stats"]
    assert (parts["success"]["count"], parts["fail"]["count"]) == (3, 1)
    assert (parts["queue"]["count"], parts["compute_infer"]["count"]) == (3, 3)
    assert parts["success"]["ns"] > parts["queue"]["ns"] + parts["compute_infer"]["ns"] > 0
    sizes = [
        (batch["batch_size"], batch["compute_infer"]["count"]) for batch in counted["batch_stats"]
    ]
    assert sizes == [(3, 2), (6, 1)]
    in_batches = sum(batch["compute_infer"]["ns"] for batch in counted["batch_stats"])
    assert in_batches == pytest.approx(parts["compute_infer"]["ns"], abs=10)


async def test_every_request_of_a_batch_is_charged_the_batch(toy):
    app, client = toy
    engine, row = app.state.engine, np.zeros((1, toys.WIDTH), np.float32)
    model = engine.model("toy")
    engine.submit(model, row)  # alone, so answered at once; whoever follows waits for a batch
    for future in [engine.submit(model, row) for _ in range(4)]:
        await future

    counted = await stats(client)

    first, batch = (part["compute_infer"] for part in counted["batch_stats"])
    assert [part["batch_size"] for part in counted["batch_stats"]] == [1, 4]
    assert counted["inference_stats"]["compute_infer"]["count"] == 5
    charged = counted["inference_stats"]["compute_infer"]["ns"]
    assert charged == pytest.approx(first["ns"] + 4 * batch["ns"], abs=10)


async def test_all_models_are_listed_and_one_version_can_be_named(client):
    every = (await client.get("/v2/models/stats")).json()["model_stats"]
    assert [model["name"] for model in every] == ["toy", "toy-dense"]
    assert (await stats(client, "/v2/models/toy/versions/1/stats"))["name"] == "toy"
    assert (await client.get("/v2/models/toy/versions/2/stats")).status_code == 404
    assert (await client.get("/v2/models/nope/stats")).status_code == 404
    assert (await client.get("/v2/models/nope/config")).status_code == 404
