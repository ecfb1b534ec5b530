"""Token ids of different lengths and texts, sent by the Python client to the real service."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from fff_client import Client, RequestRefused

from model_store.store import Store
from networks.backends import build_backend
from tests.networks import texts
from tests.service import toys
from tests.service.protocol.test_texts import IDS, TEXTS, write_tokenizer


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("tokens")
    store, tokenizer = Store(root / "store"), write_tokenizer(root / "tokenizer.json")
    words = {"output": "token_logits", "mask_token": 1, "tokenizer": tokenizer}
    store.publish("words", texts.network("tokens"), origin=toys.ORIGIN, **words)
    with toys.live("--store", str(store.root)) as service:
        yield service.url


@pytest.fixture(params=[True, False], ids=["binary", "json"])
def client(url, request):
    with Client(url, binary=request.param) as client:
        yield client


def test_ids_of_different_lengths_are_answered_as_offline(client):
    backend = build_backend(texts.network("tokens"), torch.device("cpu"))

    prediction = client.predict_tokens("words", IDS, outputs=["token_logits", "leaf"])

    for row, ids in enumerate(IDS):
        expected = backend.infer(torch.tensor([ids], dtype=torch.int32))
        logits = prediction.tensors["token_logits"][row]
        assert np.allclose(logits[: len(ids)], expected.logits[0], atol=1e-5)
        assert (logits[len(ids) :] == 0).all()
        assert (prediction.leaves[row, :, : len(ids)] == expected.leaf[0].numpy()).all()


def test_texts_and_their_ids_give_the_same_likeliest_ids(client):
    of_texts, of_ids = (client.predict_tokens("words", rows, top_k=3) for rows in (TEXTS, IDS))

    assert of_texts.top_ids.shape == (2, 6, 3)
    assert (of_texts.top_ids == of_ids.top_ids).all()
    assert np.allclose(of_texts.top_probabilities, of_ids.top_probabilities)


def test_rows_in_several_requests_are_as_long_as_the_longest_of_all(url):
    with Client(url, max_rows=1) as few, Client(url) as many:
        asked = [c.predict_tokens("words", IDS, outputs=["leaf", "margin"]) for c in (few, many)]

    parts, at_once = asked
    assert (parts.leaves == at_once.leaves).all()
    assert np.allclose(parts.margins, at_once.margins)


def test_what_is_no_row_is_refused_before_it_is_sent_and_other_ids_by_the_service(client):
    none: list[Any] = [[], [[1], []]]
    for inputs in none:
        with pytest.raises(ValueError, match="at least one"):
            client.predict_tokens("words", inputs)
    others: list[Any] = [[[1.5]], [[[1]]], [["a"], [1]]]
    for inputs in others:
        with pytest.raises(TypeError, match="texts, or rows of whole numbers"):
            client.predict_tokens("words", inputs)
    with pytest.raises(RequestRefused, match="from 0 to 49, got 50"):
        client.predict_tokens("words", [[50]])
