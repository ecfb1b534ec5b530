"""Token ids in every form that a client may send, answered alike; and what is no ids."""

import json
import re

import numpy as np
import pytest
import tritonclient.http as triton

from networks.routed import NO_LEAF
from tests.networks import texts
from tests.service import toys
from tests.service.protocol.token_requests import IDS, MASK, PADDED, make_store, offline, tensor


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("texts"))


@pytest.fixture
async def client(store):
    async with toys.running(store=store.root) as (_, client):
        yield client


def binary(mask: str | None) -> tuple[bytes, dict[str, str]]:
    """A body of the binary tensor extension, with a mask of a datatype or without one."""
    arrays = [("input", "INT64", np.array(PADDED, "<i8"))]
    if mask is not None:
        arrays.insert(0, ("mask", mask, np.array(MASK, {"BOOL": "?", "INT32": "<i4"}[mask])))
    inputs = [
        {
            "name": name,
            "shape": [3, 5],
            "datatype": datatype,
            "parameters": {"binary_data_size": array.nbytes},
        }
        for name, datatype, array in arrays
    ]
    head = json.dumps({"inputs": inputs}).encode()
    body = b"".join([head, *(array.tobytes() for _, _, array in arrays)])
    return body, {"Inference-Header-Content-Length": str(len(head))}


async def test_ragged_lists_and_tensors_with_a_mask_are_answered_as_offline(client):
    expected = offline("texts")
    plain = await client.post("/v1/models/texts/predict", json={"inputs": IDS})
    logits, leaves = np.array(plain.json()["outputs"]), np.array(plain.json()["leaves"])

    assert np.allclose(logits, expected.logits, atol=1e-5)
    assert (leaves == expected.leaf.numpy()).all()
    assert ((leaves == NO_LEAF) == (np.array(MASK)[:, None] == 0)).all()

    flags = [[bool(there) for there in row] for row in MASK]
    for mask in (tensor("mask", MASK), tensor("mask", flags, "BOOL")):
        body = {"inputs": [tensor("input", PADDED), mask]}
        answer = (await client.post("/v2/models/texts/infer", json=body)).json()
        assert np.allclose(answer["outputs"][0]["data"], expected.logits.flatten(), atol=1e-5)
    for datatype in ("BOOL", "INT32"):
        content, headers = binary(datatype)
        answer = await client.post("/v2/models/texts/infer", content=content, headers=headers)
        assert np.allclose(
            answer.json()["outputs"][0]["data"], expected.logits.flatten(), atol=1e-5
        )


async def test_without_a_mask_all_are_tokens(client):
    whole = await client.post("/v1/models/texts/predict", json={"inputs": PADDED})
    body, headers = binary(None)
    same = await client.post("/v2/models/texts/infer", content=body, headers=headers)

    assert np.allclose(np.ravel(whole.json()["outputs"]), same.json()["outputs"][0]["data"])
    assert (np.array(whole.json()["leaves"]) != NO_LEAF).all()


async def test_a_strict_service_answers_with_the_bits_of_each_example_alone(store):
    async with toys.running(store=store.root, strict=True) as (_, client):
        answer = await client.post("/v1/models/texts/predict", json={"inputs": IDS})

    expected = offline("texts", strict=True).logits.numpy()
    assert (np.array(answer.json()["outputs"], np.float32) == expected).all()


async def test_the_real_client_sends_ids_as_metadata_says(client):
    described = (await client.get("/v2/models/texts")).json()
    inputs = {tensor["name"]: tensor for tensor in described["inputs"]}
    sent = triton.InferInput("input", [3, 5], inputs["input"]["datatype"])
    sent.set_data_from_numpy(np.array(PADDED))
    mask = triton.InferInput("mask", [3, 5], "BOOL")
    mask.set_data_from_numpy(np.array(MASK, bool))
    body, length = triton.InferenceServerClient.generate_request_body([sent, mask])

    headers = {"Inference-Header-Content-Length": str(length)}
    answer = await client.post("/v2/models/texts/infer", content=body, headers=headers)

    assert (inputs["input"]["shape"], inputs["input"]["parameters"]["vocabulary"]) == ([-1, -1], 50)
    assert answer.status_code == 200, answer.text
    listed = (await client.get("/v1/models/texts")).json()
    assert listed["datatypes"] == ["INT64"]


NO_IDS: dict[str, tuple[object, str]] = {
    "no rows": ([], "at least one row"),
    "an empty row": ([[1], []], "row 1 must have 1 to 40 token ids, it has 0"),
    "too long a row": ([[1] * 41], "row 0 must have 1 to 40 token ids, it has 41"),
    "beyond the vocabulary": ([[1, 50]], "from 0 to 49, got 50"),
    "below 0": ([[1], [2, -1]], "from 0 to 49, got -1"),
    "a fraction": ([[1.5]], "whole numbers, got 1.5"),
    "booleans": ([[1], [True, False]], "got booleans"),
    "numbers without rows": ([1, 2], "rows of token ids"),
    "deeper lists": ([[[1]], [[1, 2]]], "must hold numbers|lists in them|equal length"),
    "text": ([["a"], ["b", "c"]], "got text"),
}


async def test_what_is_no_row_of_ids_is_refused_by_name(client):
    for inputs, said in NO_IDS.values():
        answer = await client.post("/v1/models/texts/predict", json={"inputs": inputs})

        assert answer.status_code == 400
        assert re.search(said, answer.json()["error"]), answer.text


NO_MASKS: dict[str, tuple[object, str]] = {
    "a hole": ([[1, 0, 1, 0, 0], *MASK[1:]], "row 0 has a token behind a place without one"),
    "no token": ([[0] * 5, *MASK[1:]], "row 0 must have 1 to 40 token ids, it has 0"),
    "other numbers": ([[2, 1, 1, 0, 0], *MASK[1:]], "1 for a token"),
    "another shape": (MASK[:2], "does not fit data"),
}


async def test_what_is_no_mask_is_refused_by_name(client):
    for mask, said in NO_MASKS.values():
        body = {"inputs": [tensor("input", PADDED), tensor("mask", mask)]}

        answer = await client.post("/v2/models/texts/infer", json=body)

        assert answer.status_code == 400
        assert said in answer.json()["error"]


async def test_other_datatypes_are_refused_by_name_both_ways(client, toy_store):
    body = {"inputs": [tensor("input", PADDED, "FP32")]}
    answer = await client.post("/v2/models/texts/infer", json=body)
    assert "takes token ids, INT64, not 'FP32'" in answer.json()["error"]

    async with toys.running(store=toy_store.root) as (_, numbers):
        body = {
            "inputs": [{"name": "input", "shape": [1, 6], "datatype": "INT64", "data": [1] * 6}]
        }
        answer = await numbers.post("/v2/models/toy/infer", json=body)
        assert (answer.status_code, "INT64" in answer.json()["error"]) == (400, True)


async def test_a_large_body_is_read_aside_to_the_same_answer(store):
    rows = [[7] * (1 + k % texts.LENGTH) for k in range(1500)]
    async with toys.running(store=store.root, max_batch_rows=65536, max_queue_rows=65536) as (
        _,
        client,
    ):
        spaced = json.dumps({"inputs": rows}).encode()
        assert len(spaced) > 64 * 1024
        answer = await client.post("/v1/models/texts/predict", content=spaced)
        one = await client.post("/v1/models/texts/predict", json={"inputs": rows[:40]})

    assert answer.status_code == 200, answer.text
    assert np.allclose(answer.json()["outputs"][:40], one.json()["outputs"], atol=1e-5)


async def test_a_request_costs_its_tokens_and_counts_its_rows(store):
    async with toys.running(store=store.root, max_batch_rows=64, max_queue_rows=64) as (
        app,
        client,
    ):
        fits = await client.post("/v1/models/texts/predict", json={"inputs": [[1]] * 8})
        refused = await client.post("/v1/models/texts/predict", json={"inputs": [[1]] * 9})
        text = (await client.get("/metrics")).text

    assert fits.status_code == 200
    assert (refused.status_code, "64 tokens" in refused.json()["error"]) == (413, True)
    assert [line for line in text.splitlines() if line.startswith("fff_rows_total{")][0].endswith(
        " 8.0"
    )
