"""Predictions over HTTP: both forms, the same numbers, whatever the batch."""

import asyncio

import numpy as np
import pytest
import torch

from fff import reference
from service.protocol.outputs import OUTPUTS
from tests.service import toys

ROWS = np.random.default_rng(0).normal(size=(40, toys.WIDTH)).astype(np.float32)


async def predict(client, rows, model="toy", **more):
    body = {"inputs": np.asarray(rows).tolist()} | more
    response = await client.post(f"/v1/models/{model}/predict", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def infer_body(rows, datatype="FP32", **more):
    tensor = {
        "name": "input",
        "shape": list(rows.shape),
        "datatype": datatype,
        "data": rows.tolist(),
    }
    return {"inputs": [tensor]} | more


async def infer(client, body, path="/v2/models/toy/infer"):
    response = await client.post(path, json=body)
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_prediction_is_the_references(client, toy_store):
    truth = reference.infer(torch.from_numpy(ROWS), toy_store.load("toy").weights)

    got = await predict(client, ROWS)

    assert (got["model"], got["version"]) == ("toy", 1)
    assert got["leaves"] == truth.leaf.tolist()
    np.testing.assert_allclose(got["outputs"], truth.logits, rtol=1e-5, atol=1e-6)


async def test_a_batch_equals_singles_at_any_position_and_in_any_company(client):
    """The law that clients rely on: who else asks changes nothing, not one bit."""
    order = np.random.default_rng(1).permutation(len(ROWS))
    whole, shuffled = await predict(client, ROWS), await predict(client, ROWS[order])
    at_once = await asyncio.gather(*(predict(client, row[None]) for row in ROWS))

    for k, single in enumerate(at_once):
        where = int(np.flatnonzero(order == k)[0])
        assert single["leaves"][0] == whole["leaves"][k] == shuffled["leaves"][where]
        assert single["outputs"][0] == whole["outputs"][k] == shuffled["outputs"][where]


async def test_a_dense_model_has_no_leaves(client):
    assert (await predict(client, ROWS[:2], "toy-dense"))["leaves"] == [[], []]


async def test_raw_pixels_are_scaled_as_the_manifest_says(client):
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 6) * 20
    scaled = pixels.astype(np.float64) / 255 - 0.5

    got = await predict(client, pixels, datatype="UINT8")

    want = await predict(client, scaled.astype(np.float32))
    np.testing.assert_allclose(got["outputs"], want["outputs"], rtol=1e-5, atol=1e-6)


async def test_no_content_type_is_needed(client):
    response = await client.post("/v1/models/toy/predict", content=b'{"inputs":[[1,0,1,0,1,0]]}')
    assert response.status_code == 200


async def test_the_answer_says_where_the_time_went_and_which_version_answered(client):
    response = await client.post("/v2/models/toy/infer", json=infer_body(ROWS[:1]))

    assert response.headers["x-model-version"] == "1"
    assert response.headers["server-timing"].startswith("queue;dur=")
    assert ", compute;dur=" in response.headers["server-timing"]


@pytest.mark.parametrize("path", ["/v2/models/toy/infer", "/v2/models/toy/versions/1/infer"])
async def test_the_protocol_answers_with_logits_by_default(client, path):
    got = await infer(client, infer_body(ROWS[:3], id="abc"), path)

    plain = await predict(client, ROWS[:3])
    (logits,) = got["outputs"]
    assert (got["id"], got["model_name"], got["model_version"]) == ("abc", "toy", "1")
    assert (logits["name"], logits["datatype"], logits["shape"]) == ("logits", "FP32", [3, 3])
    assert logits["data"] == np.ravel(plain["outputs"]).tolist()


async def test_every_output_can_be_asked_for_and_fits_its_metadata(client):
    names = [{"name": name} for name in OUTPUTS]
    got = await infer(client, infer_body(ROWS, outputs=names))
    metadata = (await client.get("/v2/models/toy")).json()

    tensors = {t["name"]: np.reshape(t["data"], t["shape"]) for t in got["outputs"]}
    for described in metadata["outputs"]:
        assert [-1, *tensors[described["name"]].shape[1:]] == described["shape"]
    np.testing.assert_allclose(tensors["probabilities"].sum(axis=1), 1, rtol=1e-6)
    assert (tensors["class"] == tensors["logits"].argmax(axis=1)).all()
    assert (tensors["margin"] > 0).all()


async def test_flat_and_nested_data_are_the_same_tensor(client):
    nested = infer_body(ROWS[:2])
    flat = infer_body(ROWS[:2])
    flat["inputs"][0]["data"] = ROWS[:2].ravel().tolist()

    assert (await infer(client, flat))["outputs"] == (await infer(client, nested))["outputs"]


async def test_a_timeout_that_ends_in_the_queue_is_answered_with_504(client):
    body = infer_body(ROWS[:1], parameters={"timeout": 1})  # one microsecond
    response = await client.post("/v2/models/toy/infer", json=body)
    assert response.status_code == 504
    assert "timeout" in response.json()["error"]
