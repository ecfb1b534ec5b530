"""Comparisons and explanations are counted, each once, and no prediction is counted for them."""

import json

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.service import toys

ROWS = np.random.default_rng(0).normal(size=(5, toys.WIDTH)).tolist()
LABELS = ("model", "version", "kind", "endpoint", "code")
COMPARE, EXPLAIN = "/v1/compare", "/v1/models/{}/explain"


async def series(client, *beginnings: str) -> dict[tuple[str, ...], float]:
    """What is not 0, by name and labels."""
    text = (await client.get("/metrics")).text
    samples = [s for f in text_string_to_metric_families(text) for s in f.samples]
    return {
        (s.name, *(s.labels.get(name, "") for name in LABELS)): s.value
        for s in samples
        if s.name.startswith(beginnings) and s.value
    }


@pytest.mark.parametrize(
    ("path", "body", "labels"),
    [
        (EXPLAIN.format("toy"), {"inputs": ROWS}, ("toy", "1", "fff", "explain", "200")),
        (EXPLAIN.format("toy"), {}, ("toy", "1", "fff", "explain", "400")),
        (EXPLAIN.format("toy"), {"inputs": ROWS * 205}, ("toy", "1", "fff", "explain", "413")),
        (EXPLAIN.format("toy-dense"), {}, ("toy-dense", "1", "dense", "explain", "400")),
        (EXPLAIN.format("x"), {"inputs": ROWS}, ("unknown", "", "", "explain", "404")),
        (COMPARE, {"model": "toy", "inputs": ROWS}, ("toy", "1", "fff", "compare", "200")),
        (COMPARE, {"model": "toy", "inputs": [[1]]}, ("toy", "1", "fff", "compare", "400")),
        (COMPARE, {"model": "x", "inputs": ROWS}, ("unknown", "", "", "compare", "404")),
        (COMPARE, {"inputs": ROWS}, ("unknown", "", "", "compare", "400")),
    ],
)
async def test_a_call_is_counted_by_model_endpoint_and_status(client, path, body, labels):
    """The latency objective and the share of failures are of predictions: these stay out."""
    answer = await client.post(path, content=json.dumps(body))

    assert answer.status_code == int(labels[-1])
    assert await series(client, "fff_inspections") == {("fff_inspections_total", *labels): 1}
    predictions = ("fff_requests", "fff_request_duration", "fff_rejected")
    assert await series(client, *predictions) == {}


async def test_a_bug_is_counted_as_one(toy, monkeypatch):
    app, client = toy
    monkeypatch.setattr(app.state.engine, "submit", lambda *_, **__: 1 / 0)

    for path in (COMPARE, EXPLAIN.format("toy")):
        body = {"inputs": ROWS} | ({"model": "toy"} if path == COMPARE else {})
        assert (await client.post(path, json=body)).status_code == 500

    counted = await series(client, "fff_inspections")
    assert {labels[4:] for labels in counted} == {("compare", "500"), ("explain", "500")}


async def test_a_prediction_is_no_inspection(client):
    await client.post("/v1/models/toy/predict", json={"inputs": ROWS})
    assert await series(client, "fff_inspections") == {}


async def test_the_counters_of_a_model_outlive_it(toy):
    app, client = toy
    await app.state.repository.unload("toy")
    text = (await client.get("/metrics")).text
    assert 'fff_inspections_total{code="200",endpoint="compare",kind="dense"' in text
    assert 'fff_inspections_total{code="200",endpoint="compare",kind="fff",model="toy"' in text
