"""Text in place of token ids, by the tokenizer of the checkpoint."""

import json

import numpy as np
import pytest
import tritonclient.http as triton
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from model_store.errors import ChecksumMismatch, TokenizerUnfit
from model_store.store import Store
from tests.networks import texts
from tests.service import toys

WORDS = ["[UNK]", "[MASK]", "the", "cat", "sat", "mat", "on"]
TEXTS = ["the cat sat on the [MASK]", "cat"]
IDS = [[2, 3, 4, 6, 2, 1], [3]]


def write_tokenizer(path, more: int = 0):
    names = [*WORDS, *(f"w{k}" for k in range(more))]
    model = WordLevel({word: k for k, word in enumerate(names)}, unk_token="[UNK]")
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.add_special_tokens(["[MASK]"])
    tokenizer.enable_truncation(3)  # which must not be obeyed: nothing is cut in silence
    tokenizer.save(str(path))
    return path


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("texts")
    store = Store(root / "store")
    facts = {"output": "token_logits", "mask_token": 1, "origin": toys.ORIGIN}
    tokenizer = write_tokenizer(root / "tokenizer.json")
    store.publish("words", texts.network("tokens"), tokenizer=tokenizer, **facts)
    store.publish("ids", texts.network(), origin=toys.ORIGIN)
    return store


@pytest.fixture
async def client(store):
    async with toys.running(store=store.root) as (_, client):
        yield client


async def test_text_is_answered_as_its_ids_in_every_form(client):
    path = "/v1/models/words/predict"
    expected = (await client.post(path, json={"inputs": IDS, "top_k": 2})).json()

    assert (await client.post(path, json={"inputs": TEXTS, "top_k": 2})).json() == expected

    asked = {"name": "input", "shape": [2], "datatype": "BYTES"}
    body = {"inputs": [asked | {"data": TEXTS}], "parameters": {"top_k": 2}}
    answer = (await client.post("/v2/models/words/infer", json=body)).json()
    assert answer["outputs"][0]["data"] == np.ravel(expected["top_ids"]).tolist()

    sent = triton.InferInput("input", [2], "BYTES")
    sent.set_data_from_numpy(np.array(TEXTS, object))
    wanted = [triton.InferRequestedOutput("top_ids", binary_data=False)]
    content, length = triton.InferenceServerClient.generate_request_body(
        [sent], outputs=wanted, parameters={"top_k": 2}
    )
    headers = {"Inference-Header-Content-Length": str(length)}
    answer = (await client.post("/v2/models/words/infer", content=content, headers=headers)).json()
    assert answer["outputs"][0]["data"] == np.ravel(expected["top_ids"]).tolist()
    described = (await client.get("/v1/models/words")).json()
    assert described["datatypes"] == ["INT64", "BYTES"]


async def test_a_long_text_is_read_aside_and_one_too_long_is_refused_with_its_length(client):
    path = "/v1/models/words/predict"
    long = {"inputs": ["cat " * texts.LENGTH] * 20, "top_k": 1}
    too_long = {"inputs": ["cat", "cat " * (texts.LENGTH + 1)]}
    endless = {"inputs": ["c" * 65 * texts.LENGTH]}

    assert (await client.post(path, json=long)).status_code == 200
    refused = await client.post(path, json=too_long)
    assert "row 1 must be a text of 1 to 40 tokens, it makes 41" in refused.json()["error"]
    refused = await client.post(path, json=endless)
    assert "more than 40 tokens can be" in refused.json()["error"]


async def test_what_is_no_text_is_refused_by_name(client):
    asked = {"name": "input", "shape": [2], "datatype": "BYTES"}
    head = json.dumps({"inputs": [asked | {"parameters": {"binary_data_size": 7}}]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    cut = await client.post(
        "/v2/models/words/infer", content=head + b"\3\0\0\0cat", headers=headers
    )
    other = await client.post("/v2/models/words/infer", json={"inputs": [asked | {"data": ["a"]}]})
    none = await client.post("/v1/models/words/predict", json={"inputs": [""]})
    without = await client.post("/v1/models/ids/predict", json={"inputs": TEXTS})

    assert "2 BYTES are as many texts" in cut.json()["error"]
    assert "shape [2] does not fit 1 texts" in other.json()["error"]
    assert "it makes 0" in none.json()["error"]
    assert "no tokenizer for text; send token ids" in without.json()["error"]


def test_a_tokenizer_is_hashed_and_must_fit_the_network(store, tmp_path):
    copy, network = Store(tmp_path / "copy"), texts.network("tokens")
    facts = {"output": "token_logits", "origin": toys.ORIGIN}
    large = write_tokenizer(tmp_path / "large.json", more=texts.VOCABULARY)
    with pytest.raises(TokenizerUnfit, match="the network's vocabulary ends at 49"):
        copy.publish("words", network, tokenizer=large, **facts)
    none = tmp_path / "none.json"
    none.write_text("{}")
    with pytest.raises(TokenizerUnfit, match="is no tokenizer"):
        copy.publish("words", network, tokenizer=none, **facts)

    path = tmp_path / "t.json"
    published = copy.publish("words", network, tokenizer=write_tokenizer(path), **facts)
    again = copy.publish("words", network, tokenizer=path, **facts)
    assert (published.is_new, again.is_new) == (True, False)
    file = copy.folder("words", 1) / "tokenizer.json"
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(ChecksumMismatch, match=r"tokenizer\.json"):
        copy.load("words")
    file.unlink()
    with pytest.raises(TokenizerUnfit, match="is missing"):
        copy.load("words")
