"""A network of blocks in a store: published, read with every check, refused where it is not one."""

import json
from pathlib import Path

import pytest
import torch

from evaluation.errors import EvaluationError
from evaluation.own_model import publish
from evaluation.soft import SoftNetwork
from model_store.errors import ManifestInvalid, StoreError, WeightsInvalid
from model_store.origin import ModuleOrigin
from model_store.store import Store
from networks.weights import NetworkWeights
from tests.networks.models import IMAGE, examples, stack, vision_transformer, vit_weights


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """With a vision transformer, `vit`, and a dense one, `vit-dense`."""
    folder = tmp_path / "store"
    publish(vision_transformer(depth=-1), IMAGE, "vit-dense", folder)
    rows = examples(50, vit_weights())
    publish(
        vision_transformer(), IMAGE, "vit", folder, uint8=(1 / 255, 0), rows=rows,
        baseline="vit-dense", notes="drawn",
    )  # fmt: skip
    return Store(folder)


def rewrite(store: Store, change: str, into: str) -> None:
    manifest = store.root / "vit" / "1" / "manifest.json"
    text = manifest.read_text()
    assert change in text
    manifest.write_text(text.replace(change, into, 1))


def test_a_network_is_read_as_it_was_published(store: Store) -> None:
    loaded, published = store.load("vit"), vit_weights()

    assert isinstance(loaded.weights, NetworkWeights)
    assert loaded.weights.described == published.described
    assert all(torch.equal(loaded.weights.tensors()[n], t) for n, t in published.tensors().items())
    assert loaded.manifest.kind == "network"
    assert loaded.manifest.example_shape == [*IMAGE]
    assert loaded.manifest.origin == ModuleOrigin(torch=torch.__version__, notes="drawn")
    assert (loaded.manifest.input_width, loaded.manifest.output_width) == (36, 5)


def test_the_reference_counts_each_token_of_each_layer(store: Store) -> None:
    manifest = json.loads((store.root / "vit" / "1" / "manifest.json").read_text())

    assert [(len(layer), sum(layer)) for layer in manifest["reference_leaf_rows"]] == [(8, 200)]


def test_an_unknown_block_is_refused_by_name_and_nothing_is_made_of_it(store: Store) -> None:
    rewrite(store, '"type": "attention"', '"type": "os.system"')

    with pytest.raises(ManifestInvalid, match="vit.*: 2.1: block 'os.system' is not known"):
        store.load("vit")


@pytest.mark.parametrize(
    ("change", "into", "message"),
    [
        ('"depth": 3', '"depth": 4', r"3.1.node_weights must be \[15, 8\], got \[7, 8\]"),
        ('"heads": 2', '"heads": 3', "2.1: attention: Value error, width 8 must be a multiple"),
        ('"input_width": 36', '"input_width": 35', "the manifest says input_width 35, tensors"),
        ('"output_width": 5,\n  "dtype"', '"output_width": 6,\n  "dtype"', "output_width 6, "),
        ('"name": "4"', '"name": "x"', "tensor 'x.weight' is missing"),
        ('"type": "pooling"', '"type": "activation"', "5: function: Field required"),
        ('"how": "mean"', '"how": "median"', "5: how: Input should be 'mean' or 'first'"),
        ('"reference_leaf_rows": [\n    [', '"reference_leaf_rows": [\n    [0, ', "layers of"),
    ],
)
def test_a_manifest_that_is_of_other_weights_is_refused(
    store: Store, change: str, into: str, message: str
) -> None:
    rewrite(store, change, into)

    with pytest.raises(StoreError, match=message):
        store.load("vit")


def test_a_tensor_that_no_block_has_is_refused(store: Store) -> None:
    """The last block of a model with one more is not there."""
    manifest = store.root / "vit" / "1" / "manifest.json"
    described = json.loads(manifest.read_text())
    described["blocks"].pop(4)
    manifest.write_text(json.dumps(described))

    with pytest.raises(WeightsInvalid, match="tensors 4.bias, 4.weight have no place in it"):
        store.load("vit")


def test_a_network_that_routes_is_no_baseline(store: Store) -> None:
    with pytest.raises(ManifestInvalid, match="no FFF; 'vit' has layers that route"):
        publish(vision_transformer(), IMAGE, "other", store.root, baseline="vit")


def test_rows_of_another_width_measure_no_drift(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"rows must be float32, \[n, 6\], got .*\[3, 5\]"):
        publish(stack(6, 7), (6,), "stack", tmp_path, rows=torch.zeros(3, 5))


def test_what_is_neither_classes_nor_values_has_no_baseline(store: Store) -> None:
    with pytest.raises(ManifestInvalid, match="embedding are neither classes nor values"):
        publish(
            vision_transformer(), IMAGE, "other", store.root,
            output="embedding", baseline="vit-dense",
        )  # fmt: skip


def test_a_soft_pass_leaves_a_network_as_it_was(store: Store) -> None:
    weights = store.load("vit").weights
    assert isinstance(weights, NetworkWeights)

    SoftNetwork(weights).logits(examples(2, weights))

    assert not any(module.training for module in weights.modules.modules())
