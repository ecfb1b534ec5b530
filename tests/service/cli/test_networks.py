"""Networks of blocks on the command line: listed, shown, predicted and explained."""

import asyncio
import json

import numpy as np
import orjson
import pytest
import torch

from model_store.store import Store
from networks.backends import build_backend
from tests import networks_made as made
from tests.service import toys
from tests.service.cli.rows_files import Command, npy

IMAGES = np.random.default_rng(0).integers(0, 256, (25, 1, 28, 28), dtype=np.uint8)


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return made.publish_all(Store(tmp_path_factory.mktemp("networks")))


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    return Command(monkeypatch, capsys, tmp_path)


def test_a_list_has_the_sides_of_images_and_what_is_shown_has_each_block_with_its_weights(
    command, store
):
    listed = command.printed("list", "--store", store.root)
    shown = json.loads(command.printed("show", "vit", "--store", store.root))

    assert "1 x 28 x 28 -> 10" in listed
    assert "6 -> 3" in listed
    tensors = store.load("vit").weights.tensors()
    parts = {part.partition(":")[0]: part for part in shown["parts"]}
    feed = sum(tensor.numel() for name, tensor in tensors.items() if name.startswith("0-ff.feed."))
    assert parts["0-ff.feed"] == f"0-ff.feed: fff, [49, 16] -> [49, 16], {feed:,} weights"
    assert parts["patches"].startswith("patches: patch_embedding, [1, 28, 28] -> [49, 16], ")
    assert shown["blocks"] == store.manifest("vit").blocks


def test_more_images_than_a_batch_holds_are_predicted_in_several(command, store):
    """A batch is 1,024 tokens: 20 of these images."""
    own = ("predict", "vit", "--store", store.root)
    got = json.loads(command.printed(*own, "--json", stdin=npy(IMAGES)))
    table = command.printed(*own, stdin=npy(IMAGES))

    pixels = IMAGES.reshape(len(IMAGES), -1) / 255 - 0.5
    weights = store.load("vit").weights
    want = build_backend(weights, torch.device("cpu")).infer(torch.from_numpy(pixels).float())
    np.testing.assert_allclose(got["outputs"], want.logits, atol=1e-5)
    assert np.shape(got["leaves"]) == want.leaf.shape
    assert (np.array(got["leaves"]) != want.leaf.numpy()).mean() < 0.01  # near ties
    assert "leaves used" in table.splitlines()[0]
    assert max(map(len, table.splitlines())) <= 80


async def test_an_explanation_is_what_the_service_answers(command, store):
    choice = {"layer": 1, "tokens": [3, 30]}
    body = {"inputs": IMAGES[:3].tolist(), "datatype": "UINT8"} | choice
    async with toys.running(store=store.root) as (_, client):
        served = await client.post("/v1/models/vit/explain", content=orjson.dumps(body))

    own = ("vit", "--store", store.root, "--layer", "1-ff.feed", "--tokens", "3,30", "--json")
    printed = await asyncio.to_thread(command.printed, "explain", *own, stdin=npy(IMAGES[:3]))

    assert printed.encode().rstrip(b"\n") == served.content


def test_a_path_is_printed_of_rows_and_of_tokens_asked_for_and_a_line_of_all_tokens(command, store):
    rows = np.ones((1, made.WIDTH), np.float32)
    of_rows = command.printed("explain", "stack", "--store", store.root, stdin=npy(rows))
    own = ("explain", "vit", "--store", store.root)
    of_tokens = command.printed(*own, "--tokens", "7", stdin=npy(IMAGES[:1]))
    of_all = command.printed(*own, stdin=npy(IMAGES[:1]))

    for text, name in ((of_rows, "first: leaf"), (of_tokens, "0-ff.feed: token 7, leaf")):
        assert name in text
        assert "node 0: score" in text
    assert "0-ff.feed: 49 tokens in " in of_all
    assert "node" not in of_all


def test_layers_and_tokens_are_not_asked_of_a_single_fff(command, toy_store):
    own = ("explain", "toy", "--layer", "0", "--store", toy_store.root)
    code, _, err = command.ended(*own, stdin=npy(np.ones(6)))

    assert code == 2
    assert "for networks of blocks, this is none" in " ".join(err.split())
