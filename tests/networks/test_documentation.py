"""The page on networks is true: its code runs, and what it publishes is served."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import tritonclient.http
from sklearn.datasets import load_digits
from tritonclient.http import InferenceServerClient as Client

from evaluation.evaluate import evaluate
from model_store.store import Store
from networks.backends import build_backend
from networks.block import Block
from networks.weights import NetworkWeights
from tests.service import toys

PAGE = (Path(__file__).parents[2] / "docs" / "networks.md").read_text(encoding="utf-8")
IMAGES, LABELS = load_digits(return_X_y=True)
HELD_OUT = IMAGES[1500:].astype(np.uint8), LABELS[1500:]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """What the page's code has published, written by nobody but its reader."""
    folder = tmp_path_factory.mktemp("reader")
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        names: dict[str, Any] = {}
        for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
            exec(block, names)
    return Store(folder / "models")


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[Client]:
    with (
        toys.live("--store", str(store.root), "--device", "cpu") as service,
        Client(service.url.removeprefix("http://")) as client,
    ):
        yield client


def test_a_model_written_by_hand_has_learnt_what_it_was_shown(store: Store) -> None:
    result = evaluate(store.load("my-vit"), *HELD_OUT)

    assert result.hard_accuracy > 0.8
    assert [(layer.name, layer.leaves) for layer in result.layers] == [("3.1", 8)]


@pytest.mark.parametrize(("name", "shape"), [("my-vit", [1, 8, 8]), ("my-stack", [64])])
def test_what_is_served_is_what_was_published(
    store: Store, client: Client, name: str, shape: list[int]
) -> None:
    weights = store.load(name).weights
    assert isinstance(weights, NetworkWeights)
    rows = (HELD_OUT[0][:40] / 16).astype(np.float32)
    tensor = tritonclient.http.InferInput("input", [40, *shape], "FP32")
    tensor.set_data_from_numpy(rows.reshape(40, *shape))

    outputs = [tritonclient.http.InferRequestedOutput(n) for n in ("logits", "leaf")]
    answer = client.infer(name, [tensor], outputs=outputs)

    expected = build_backend(weights, torch.device("cpu")).infer(torch.from_numpy(rows))
    assert client.get_model_metadata(name)["inputs"][0]["shape"] == [-1, *shape]
    assert np.allclose(answer.as_numpy("logits"), expected.logits.numpy(), atol=1e-4)
    assert np.array_equal(answer.as_numpy("leaf"), expected.leaf.numpy())


def test_every_type_of_block_is_in_the_table() -> None:
    told = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))

    assert told == Block.types.keys()
