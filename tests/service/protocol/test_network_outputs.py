"""What a network answers with beside logits: token logits, the likeliest ids, an embedding."""

import numpy as np
import pytest

from model_store.errors import ManifestInvalid
from model_store.store import Store
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


async def test_token_logits_are_of_every_token_and_0_behind_the_last(client):
    body = {"inputs": [tensor("input", PADDED), tensor("mask", MASK)]}
    answer = (await client.post("/v2/models/words/infer", json=body)).json()["outputs"][0]

    logits = np.reshape(answer["data"], answer["shape"])
    assert (answer["name"], answer["shape"]) == ("token_logits", [3, 5, texts.VOCABULARY])
    assert np.allclose(logits, offline("words").logits, atol=1e-5)
    assert (logits[np.array(MASK) == 0] == 0).all()


async def test_top_k_fills_in_masked_places_alone(client):
    body = {"inputs": IDS, "top_k": 4}
    answer = (await client.post("/v1/models/words/predict", json=body)).json()

    ids, shares = np.array(answer["top_ids"]), np.array(answer["top_probabilities"])
    masked = np.zeros((3, 5), bool)
    masked[1, 2] = True  # the one place that has the mask's id, 9
    logits = offline("words").logits[1, 2]
    assert ids.shape == shares.shape == (3, 5, 4)
    largest = logits.softmax(0).topk(4)
    assert ids[1, 2].tolist() == largest.indices.tolist()
    assert np.allclose(shares[1, 2], largest.values, atol=1e-6)
    assert (ids[~masked] == -1).all()
    assert (shares[~masked] == 0).all()
    assert "outputs" not in answer

    body = {
        "inputs": [tensor("input", PADDED), tensor("mask", MASK)],
        "parameters": {"top_k": 4},
    }
    same = (await client.post("/v2/models/words/infer", json=body)).json()["outputs"]
    assert [output["name"] for output in same] == ["top_ids", "top_probabilities"]
    assert same[0]["data"] == ids.flatten().tolist()


async def test_outputs_that_a_model_does_not_have_are_refused_by_name(client):
    for model, more, said in (
        ("words", {"parameters": {"top_k": 101}}, "from 1 to 100, got 101"),
        ("words", {"outputs": [{"name": "top_ids"}]}, "need parameters.top_k"),
        ("words", {"outputs": [{"name": "logits"}]}, "among token_logits"),
        ("texts", {"parameters": {"top_k": 3}}, "does not answer with ids"),
    ):
        body = {"inputs": [tensor("input", PADDED)]} | more
        answer = await client.post(f"/v2/models/{model}/infer", json=body)

        assert (answer.status_code, said in answer.json()["error"]) == (400, True), answer.text


async def test_an_embedding_is_offered_in_place_of_logits_and_classes(client):
    described = (await client.get("/v2/models/vectors")).json()
    answer = await client.post(
        "/v2/models/vectors/infer", json={"inputs": [tensor("input", PADDED), tensor("mask", MASK)]}
    )

    assert [output["name"] for output in described["outputs"]] == ["embedding", "leaf", "margin"]
    (output,) = answer.json()["outputs"]
    assert output["name"] == "embedding"
    assert np.allclose(output["data"], offline("texts").logits.flatten(), atol=1e-5)


def test_a_manifest_says_what_the_network_ends_in(tmp_path):
    store = Store(tmp_path)
    for network, said in (
        (texts.network("tokens"), "logits"),
        (texts.network(), "token_logits"),
    ):
        with pytest.raises(ManifestInvalid, match="if the network ends in tokens, and only then"):
            store.publish("wrong", network, origin=toys.ORIGIN, output=said)
    words, facts = texts.network("tokens"), {"output": "token_logits", "origin": toys.ORIGIN}
    with pytest.raises(ManifestInvalid, match="below the vocabulary, 50, got 50"):
        store.publish("wrong", words, mask_token=50, **facts)
