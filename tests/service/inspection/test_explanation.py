"""`/v1/models/M/explain`: the path of what was served, and how near a row is to another leaf."""

import asyncio
import json

import httpx
import numpy as np
import pytest
import torch
from fff_client import AsyncClient

from fff.explanation import explain
from fff.layers import FFF
from fff.reference import route
from model_store.store import Store
from service.http import schemas_inspection as schemas
from service.inspection.explanation import MOST_STEPS
from service.metrics.leaf_stats import MARGIN_BUCKETS
from tests.fff.networks import tree
from tests.service import toys

ROWS = np.random.default_rng(0).normal(size=(200, toys.WIDTH)).astype(np.float32)
EXPLAIN = "/v1/models/toy/explain"


async def explained(client, rows=ROWS, name="toy", **more):
    body = {"inputs": np.asarray(rows).tolist()} | more
    response = await client.post(f"/v1/models/{name}/explain", json=body)
    assert response.status_code == 200, response.text
    schemas.ExplainResponse.model_validate(response.json(), extra="forbid")
    return response.json()


async def served(client, rows=ROWS, name="toy"):
    outputs = [{"name": output} for output in ("logits", "class", "leaf", "margin")]
    tensor = {"name": "input", "shape": list(rows.shape), "datatype": "FP32"}
    body = {"inputs": [tensor | {"data": rows.tolist()}], "outputs": outputs}
    got = (await client.post(f"/v2/models/{name}/infer", json=body)).json()["outputs"]
    return {tensor["name"]: np.reshape(tensor["data"], tensor["shape"]) for tensor in got}


async def test_class_logits_leaf_and_margin_are_those_served(client):
    got = await explained(client)
    want = await served(client)

    assert [got[key] for key in ("model", "version", "depth", "leaves")] == ["toy", 1, 3, 8]
    for name, key in (("class", "class"), ("logits", "logits"), ("leaf", "leaf")):
        np.testing.assert_array_equal([row[key] for row in got["rows"]], want[name].squeeze())
    margins = [row["margin"] for row in got["rows"]]
    np.testing.assert_allclose(margins, want["margin"][:, 0], rtol=1e-4, atol=1e-6)
    assert margins == [min(step["distance"] for step in row["path"]) for row in got["rows"]]


async def test_the_path_is_the_one_of_the_arithmetic_step_by_step(client, toy_store):
    x, weights = torch.from_numpy(ROWS), toy_store.load("toy").weights
    paths = explain(x, route(x, weights)[0], weights)

    got = [row["path"] for row in (await explained(client))["rows"]]

    for name in ("node", "score", "distance", "right"):
        want = getattr(paths, name).tolist()
        assert [[step[name] for step in path] for path in got] == want


async def test_rows_near_a_boundary_have_the_smallest_margins_and_ranks(client, toy_store):
    weights = toy_store.load("toy").weights
    root, bias = weights.node_weight[0], weights.node_bias[0]
    on_it = (-bias / root.dot(root)) * root  # score 0, but for rounding
    await served(client)

    near, *others = (await explained(client, [on_it.tolist(), *ROWS.tolist()]))["rows"]

    assert near["margin"] < 1e-6 < min(row["margin"] for row in others)
    assert near["margin_rank"] < min(row["margin_rank"] for row in others)
    assert abs(near["path"][0]["score"]) < 1e-6


async def test_a_rank_is_the_share_of_live_rows_before_with_a_smaller_margin(client):
    """To the bucket it falls into; None before there was any row."""
    first = (await explained(client))["rows"]
    live = np.array([row["margin"] for row in first])

    again = (await explained(client))["rows"]

    assert {row["margin_rank"] for row in first} == {None}
    for row in again:
        bucket = np.searchsorted(MARGIN_BUCKETS, row["margin"])
        below, up_to = (0.0, *MARGIN_BUCKETS)[bucket], MARGIN_BUCKETS[bucket]
        assert (live <= below).mean() <= row["margin_rank"] <= (live <= up_to).mean()


async def test_raw_pixels_are_explained_as_scaled_and_units_are_the_networks(client):
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 6) * 20
    scaled = (pixels.astype(np.float64) / 255 - 0.5).astype(np.float32)

    assert (await explained(client, pixels, datatype="UINT8"))["rows"] == [
        row | {"margin_rank": None} for row in (await explained(client, scaled))["rows"]
    ]


@pytest.mark.parametrize("backend", ["numba", "torch"])
async def test_what_bounds_nothing_has_no_distance_and_no_rank(tmp_path, backend):
    """Depth 0, and a tree of which one node alone has weights."""
    store = Store(tmp_path)
    store.publish("one-leaf", FFF(toys.WIDTH, 3, 0, leaf_width=2).weights(), origin=toys.ORIGIN)
    bare = tree(toys.WIDTH, 2, 2, 3)
    bare.node_weight[1:] = 0
    store.publish("bare", bare, origin=toys.ORIGIN)
    async with toys.running(store=tmp_path, backend=backend) as (_, client):
        for _ in range(2):  # before and after there was traffic
            rows = (await explained(client, name="one-leaf"))["rows"]
            assert {(row["leaf"], row["margin"], row["margin_rank"]) for row in rows} == {
                (0, None, None)
            }
            assert all(row["path"] == [] for row in rows)
        for row in (await explained(client, name="bare"))["rows"]:
            assert row["path"][1]["distance"] is None
            assert row["margin"] == row["path"][0]["distance"]


async def test_an_explained_row_is_a_served_row(client):
    await explained(client)

    (layer,) = (await client.get("/v1/models/toy/leaves")).json()["layers"]
    assert layer["rows_total"] == len(ROWS)


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/v1/models/nope/explain", {}, 404, "served: toy, toy-dense"),
        ("/v1/models/toy-dense/explain", {}, 400, "'toy-dense' is a dense network"),
        (EXPLAIN, {}, 400, "inputs must be a list of rows, got null"),
        (EXPLAIN, {"inputs": [[0.0] * 5]}, 400, "must be [rows, 6], got [1, 5]"),
        (EXPLAIN, {"inputs": [[1e39] * 6]}, 400, "finite float32"),
        (EXPLAIN, {"inputs": [[0.0] * 6], "outputs": []}, 400, "got also ['outputs']"),
        (EXPLAIN, {"inputs": [[0.0] * 6] * 1025}, 413, "at most 1024 rows, got 1025"),
    ],
    ids=["model", "dense", "nothing", "width", "number", "field", "rows"],
)
async def test_what_cannot_be_explained_is_told_why(client, path, body, status, said):
    response = await client.post(path, content=json.dumps(body))

    assert (response.status_code, list(response.json())) == (status, ["error"])
    assert said in response.json()["error"]


async def test_the_steps_of_a_request_are_bounded(tmp_path):
    Store(tmp_path).publish("deep", tree(1, 10, 1, 1), origin=toys.ORIGIN)
    rows = np.zeros((MOST_STEPS // 10, 1), np.float32)
    async with toys.running(store=tmp_path, max_batch_rows=4096) as (_, client):
        assert len((await explained(client, rows, "deep"))["rows"]) == len(rows)
        body = {"inputs": [[0.0]] * (len(rows) + 1)}
        refused = await client.post("/v1/models/deep/explain", json=body)

    assert refused.status_code == 413
    assert refused.json()["error"] == (
        f"an explanation may take at most {MOST_STEPS} steps, got {len(rows) + 1} rows of 10"
    )


async def test_predictions_are_answered_while_many_rows_are_explained(toy):
    app, client = toy
    many = asyncio.create_task(explained(client, np.resize(ROWS, (1024, toys.WIDTH))))
    answered = 0
    while not many.done():
        await served(client, ROWS[:1])
        answered += 1

    assert len((await many)["rows"]) == 1024
    assert answered > 5  # an explanation of 1,024 rows is walked in 32 pieces


async def test_the_client_explains(toy):
    app, plain = toy
    client = AsyncClient(transport=lambda: httpx.ASGITransport(app))

    got = await client.explain("toy", ROWS)

    want = await explained(plain)
    assert [row["path"] for row in got["rows"]] == [row["path"] for row in want["rows"]]
    await client.close()
