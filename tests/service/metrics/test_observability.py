"""What the service shows of itself: metrics, leaves, descriptions."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
import torch
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from pydantic import BaseModel

from fff import reference
from tests.requirements import need
from tests.service import toys

ROWS = np.random.default_rng(0).normal(size=(50, toys.WIDTH)).astype(np.float32)
BODY = {"inputs": ROWS.tolist()}

CONTRACT = [
    "fff_ready",
    "fff_requests_total",
    "fff_rows_total",
    "fff_request_duration_seconds",
    "fff_queue_duration_seconds",
    "fff_compute_duration_seconds",
    "fff_batch_rows",
    "fff_batch_close_total",
    "fff_batch_faults_total",
    "fff_queue_rows",
    "fff_queue_oldest_age_seconds",
    "fff_inflight_requests",
    "fff_inspections_total",
    "fff_rejected_total",
    "fff_connections_closed_total",
    "fff_leaf_rows_total",
    "fff_leaves",
    "fff_leaves_dead",
    "fff_leaves_dead_expected",
    "fff_leaves_unexpectedly_dead",
    "fff_leaf_load_entropy_ratio",
    "fff_leaf_load_max_share",
    "fff_routing_drift_js",
    "fff_routing_margin",
    "fff_routing_rechecked_rows_total",
    "fff_model_info",
    "fff_model_weight_bytes",
    "fff_model_flops_per_row",
    "fff_model_bytes_per_row",
    "fff_device_memory_reserved_bytes",
    "fff_pinned_memory_bytes",
    "process_resident_memory_bytes",
    "python_info",
]


async def scrape(client) -> dict[str, Sample]:
    text = (await client.get("/metrics")).text
    return {s.name: s for f in text_string_to_metric_families(text) for s in f.samples}


async def value(client, name: str, **labels: str) -> float:
    text = (await client.get("/metrics")).text
    samples = [s for f in text_string_to_metric_families(text) for s in f.samples]
    (found,) = [s.value for s in samples if s.name == name and labels.items() <= s.labels.items()]
    return found


@pytest.mark.parametrize("name", CONTRACT)
async def test_every_series_exists_before_the_first_request(client, name):
    found = await scrape(client)
    assert name in found or f"{name}_count" in found


async def test_rows_requests_and_leaves_add_up(client):
    for _ in range(3):
        await client.post("/v1/models/toy/predict", json=BODY)
    await client.post("/v1/models/toy/predict", content=b"rubbish")

    labels = {"model": "toy", "version": "1", "kind": "fff"}
    assert await value(client, "fff_rows_total", **labels) == 150
    assert await value(client, "fff_requests_total", code="200", **labels) == 3
    assert await value(client, "fff_requests_total", code="400", **labels) == 1
    assert await value(client, "fff_rejected_total", model="toy", reason="invalid") == 1
    assert await value(client, "fff_batch_rows_sum", **labels) == 150
    assert await value(client, "fff_batch_close_total", reason="idle", **labels) == 3
    leaves = [await value(client, "fff_leaf_rows_total", leaf=str(k)) for k in range(8)]
    assert sum(leaves) == 150


async def test_more_leaves_than_the_limit_leave_only_the_summaries(toy_store):
    async with toys.running(store=toy_store.root, leaf_series_limit=7) as (_, client):
        found = await scrape(client)
    assert "fff_leaf_rows_total" not in found
    assert "fff_leaves_dead" in found


async def test_unknown_models_share_one_series(client):
    """Whoever asks for random names must not grow the metrics."""
    for name in ("a", "b"):
        await client.post(f"/v1/models/{name}/predict", json=BODY)
    assert await value(client, "fff_requests_total", model="unknown", code="404") == 2


async def test_promtool_accepts_the_metrics(client):
    need(shutil.which("promtool"), "promtool, from Debian's prometheus package")
    text = (await client.get("/metrics")).text

    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, text=True, capture_output=True
    )

    assert (checked.returncode, checked.stderr) == (0, "")


async def test_the_leaves_page_counts_what_the_reference_routes(client, toy_store):
    leaf, _ = reference.route(torch.from_numpy(ROWS), toy_store.load("toy").weights)
    counts = torch.bincount(leaf, minlength=8).tolist()
    await client.post("/v1/models/toy/predict", json=BODY)

    (layer,) = (await client.get("/v1/models/toy/leaves")).json()["layers"]

    assert (layer["rows"], layer["window_rows"]) == (counts, 50)
    assert layer["dead"] == [k for k, n in enumerate(counts) if n == 0]
    assert 0 < layer["drift_js"] < 1


async def test_a_model_says_what_it_is_and_where_it_runs_and_why(client, toy_store):
    shown = (await client.get("/v1/models/toy")).json()

    assert (shown["kind"], shown["device"], shown["backend"]) == ("fff", "cpu", "numba")
    assert "no CUDA device" in shown["device_reason"] or "CUDA" in shown["device_reason"]
    assert shown["backend_reason"] == "auto: the compiled kernel for processors"
    assert shown["manifest"]["sha256"] == toy_store.load("toy").manifest.sha256
    assert shown["inline_rows"] >= 0
    assert (shown["output_class"], shown["dtype"]) == ("strict", "float32")
    names = [model["name"] for model in (await client.get("/v1/models")).json()["models"]]
    assert names == ["toy", "toy-dense"]


async def test_rows_on_a_boundary_are_counted_as_rechecked(toy_store):
    """By PyTorch: the kernel for so few inputs is in no doubt about a finite row."""
    weights = toy_store.load("toy").weights
    normal, bias = weights.node_weight[0], weights.node_bias[0]  # of the root
    on_it = ((-bias / normal.dot(normal)) * normal).tolist()  # score 0 but for rounding

    body = {"inputs": [on_it, ROWS[0].tolist()]}

    for backend, rechecked in (("torch", 1), ("numba", 0)):
        async with toys.running(store=toy_store.root, backend=backend) as (_, client):
            await client.post("/v1/models/toy/predict", json=body)
            counted = await value(client, "fff_routing_rechecked_rows_total", model="toy")
        assert counted == rechecked


async def test_rechecked_rows_are_of_live_traffic_alone(toy_store):
    """Here the root bounds nothing, so every row is in doubt, in the warm-up too."""
    weights = toy_store.load("toy").weights
    in_doubt = replace(
        weights,
        node_weight=torch.zeros_like(weights.node_weight),
        node_bias=torch.zeros_like(weights.node_bias),
    )
    toy_store.publish("toy", in_doubt, origin=toys.ORIGIN)
    async with toys.running(store=toy_store.root, backend="torch") as (app, client):
        before = await value(client, "fff_routing_rechecked_rows_total", model="toy")
        await client.post("/v1/models/toy/predict", json=BODY)
        after = await value(client, "fff_routing_rechecked_rows_total", model="toy")
        assert app.state.engine.model("toy").worker.backend.rechecked_rows > 50

    assert (before, after) == (0, 50)


async def test_without_a_gpu_its_memory_is_0(client):
    assert await value(client, "fff_device_memory_reserved_bytes") == 0
    assert await value(client, "fff_pinned_memory_bytes") == 0


async def test_bfloat16_leaves_take_half_the_bytes_and_change_no_leaf(toy_store):
    async with toys.running(store=toy_store.root, leaf_dtype="bfloat16") as (_, client):
        got = (await client.post("/v1/models/toy/predict", json=BODY)).json()
        shown = (await client.get("/v1/models/toy")).json()

    truth = reference.infer(torch.from_numpy(ROWS), toy_store.load("toy").weights)
    assert got["leaves"] == truth.leaf.tolist()
    assert np.abs(np.subtract(got["outputs"], truth.logits.numpy())).max() < 2e-2
    assert shown["dtype"] == "bfloat16"
    assert shown["bytes_per_row"] < toy_store.load("toy").weights.bytes_per_row


async def test_every_v1_answer_is_what_its_documentation_says(client):
    """The bodies are written by hand; this holds them against the documented schemas."""
    from service.http import schemas_v1 as schemas

    documented: dict[str, type[BaseModel]] = {
        "/v1/models": schemas.ModelList,
        "/v1/models/toy": schemas.ModelDescription,
        "/v1/models/toy/leaves": schemas.LeavesResponse,
    }
    for path, schema in documented.items():
        schema.model_validate((await client.get(path)).json(), extra="forbid")
    predicted = await client.post("/v1/models/toy/predict", json=BODY)
    schemas.PredictResponse.model_validate(predicted.json(), extra="forbid")


async def test_the_documentation_page_lists_every_path(client):
    described = (await client.get("/openapi.json")).json()
    for path, fields in {
        "/v1/models/{name}/predict": {"inputs", "datatype", "rows"},
        "/v1/models/{name}/explain": {"inputs", "datatype", "rows", "layer", "tokens"},
        "/v1/compare": {"model", "inputs", "datatype", "rows", "labels"},
        "/v2/models/{name}/infer": {"id", "inputs", "outputs", "parameters"},
    }.items():
        call = described["paths"][path]["post"]
        asked = call["requestBody"]["content"]["application/json"]["schema"]
        forms = asked.get("anyOf", [asked])
        assert {name for form in forms for name in form["properties"]} == fields
        answered = call["responses"]["200"]["content"]["application/json"]["schema"]
        assert all(form["$ref"] for form in answered.get("anyOf", [answered]))
    assert (await client.get("/docs")).status_code == 200
