"""A store gives back what was published, or says what is wrong with it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from fff.weights import Weights
from model_store.errors import (
    ChecksumMismatch,
    ManifestInvalid,
    ModelNotFound,
    StoreError,
    StoreMissing,
    WeightsInvalid,
)
from model_store.store import Store
from model_store.version_files import MANIFEST_FILE, WEIGHTS_FILE
from tests.fff.networks import dense, low_rank, mixture, multilayer, raster, tree
from tests.model_store.conftest import ORIGIN


def folder(store: Store) -> Path:
    return store.root / "toy" / "1"


def edit_manifest(store: Store, **changes: object) -> None:
    path = folder(store) / MANIFEST_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_tensors(store: Store, change: Callable[[dict[str, Tensor]], object]) -> None:
    """Change the tensors and fit the hash, as a faulty tool would."""
    path = folder(store) / WEIGHTS_FILE
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    edit_manifest(store, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize(
    "weights",
    [
        tree(6, 2, 3, 4, m=5, tie="gt", leaf_output_bias=False),
        tree(6, 0, 3, 4),
        dense(6, 7, 4),
        low_rank(6, 2, 7, 4),
        mixture(6, 5, 3, 4, k=2),
        multilayer(6, (7, 3), 4),
        multilayer(6, [5] * 16, 4, "sine", features=2),
        raster((3, 5), 4),
        raster((2, 3, 1, 5), 1),
    ],
    ids=lambda weights: weights.kind,
)
def test_a_published_network_loads_as_it_was(weights: Weights, store: Store) -> None:
    store.publish("twin", dense(weights.input_width, 3, weights.output_width), origin=ORIGIN)
    published = store.publish("new", weights, origin=ORIGIN, baseline="twin")

    loaded = store.load("new")

    assert loaded.manifest == published.manifest
    assert (loaded.name, loaded.version, loaded.kind) == ("new", 1, published.kind)
    tensors, expected = loaded.weights.tensors(), weights.tensors()
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(tensors[name], expected[name]) for name in expected)
    assert loaded.weight_bytes == sum(t.nbytes for t in expected.values())


def test_versions_are_numbers_and_the_newest_is_the_default(store: Store) -> None:
    for width in range(1, 11):
        store.publish("toy", dense(6, width, 4), origin=ORIGIN)

    assert store.versions("toy") == list(range(1, 12))
    assert store.load("toy").version == 11
    assert store.load("toy", 9).version == 9


def test_models_are_folders_with_a_version(store: Store) -> None:
    store.publish("a-first", dense(6, 7, 4), origin=ORIGIN)
    (store.root / "without-versions" / "latest").mkdir(parents=True)
    (store.root / ".hidden" / "1").mkdir(parents=True)
    (store.root / "notes.txt").touch()

    assert store.models() == ["a-first", "toy"]
    with pytest.raises(ModelNotFound, match="'without-versions' is not .* holds: a-first, toy"):
        store.versions("without-versions")


def test_an_unknown_version_is_named_beside_the_known(store: Store) -> None:
    with pytest.raises(ModelNotFound, match=r"'toy' has versions \[1\], not 2"):
        store.load("toy", 2)


def test_a_store_that_is_no_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing, match="nowhere is none"):
        Store(tmp_path / "nowhere").models()


NO_NAMES = ["", ".", "..", "../toy", "toy/1", "/toy", ".toy", "-toy", "toy\n", "tøy", "t" * 65]


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_name_that_leads_elsewhere_is_refused(name: str, store: Store) -> None:
    with pytest.raises(ManifestInvalid, match="model name must match"):
        store.publish(name, dense(6, 7, 4), origin=ORIGIN)
    with pytest.raises(ModelNotFound, match="is not in the store; it holds: toy"):
        store.load(name)
    assert store.models() == ["toy"]


def test_weights_that_were_changed_are_refused_with_both_hashes(store: Store) -> None:
    path = folder(store) / WEIGHTS_FILE
    published = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")

    changed = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(ChecksumMismatch, match=f"version 1: .*{published}, the file has {changed}"):
        store.load("toy")


DISAGREEING = [
    ("input_width", 7, "says input_width 7, tensors have 6"),
    ("depth", 3, "says depth 3, tensors have 2"),
    ("master_width", 0, "says master_width 0, tensors have 5"),
]


@pytest.mark.parametrize(("field", "value", "message"), DISAGREEING)
def test_a_manifest_that_disagrees_with_the_tensors_is_refused(
    field: str, value: int, message: str, store: Store
) -> None:
    edit_manifest(store, **{field: value})

    with pytest.raises(ManifestInvalid, match=f"'toy' version 1: .*{message}"):
        store.load("toy")


OF_BASELINES = [
    (low_rank(6, 2, 7, 4), "rank", 3, "says rank 3, tensors have 2"),
    (low_rank(6, 2, 7, 4), "kind", "mixture", "mixture.experts: Field required"),
    (mixture(6, 5, 3, 4, k=2), "experts", 6, "says experts 6, tensors have 5"),
    (mixture(6, 5, 3, 4, k=2), "experts", 2**15 + 1, "less than or equal to 32768"),
    (mixture(6, 5, 3, 4, k=2), "top_k", 6, "top_k must be from 1 to 5 experts, got 6"),
    (mixture(6, 5, 3, 4, k=2), "kind", "dense", "dense.hidden_width: Field required"),
    (multilayer(6, (7, 3), 4), "hidden_widths", [7], r"says hidden_widths \[7\], .* have \[7, 3\]"),
    (multilayer(6, (7, 3), 4), "hidden_widths", [], "at least 1 item"),
    (multilayer(6, (7, 3), 4), "hidden_widths", [3] * 17, "at most 16 items"),
    (multilayer(6, (7, 3), 4), "hidden_widths", [7, 0], "hidden_widths.1: .*greater than or"),
    (multilayer(6, (7, 3), 4), "fourier_features", 2, "says fourier_features 2, tensors have 0"),
    (multilayer(6, (7, 3), 4), "activation", "cosine", "activation must be one of elu, "),
    (dense(6, 7, 4), "activation", "sine", "'sine' is of a multilayer perceptron alone"),
    (raster((3, 5), 4), "shape", [5, 3], r"says shape \[5, 3\], tensors have \[3, 5\]"),
    (raster((3, 5), 4), "shape", [15], "shape must be of 2 axes, got 1"),
    (raster((3, 5), 4), "activation", "relu", "activation: Extra inputs are not permitted"),
]


@pytest.mark.parametrize(("weights", "field", "value", "message"), OF_BASELINES)
def test_a_manifest_that_disagrees_with_the_tensors_of_a_baseline_is_refused(
    weights: Weights, field: str, value: object, message: str, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    store.publish("toy", weights, origin=ORIGIN)
    edit_manifest(store, **{field: value})

    with pytest.raises(ManifestInvalid, match=f"'toy' version 1: .*{message}"):
        store.load("toy")


def test_tensors_of_another_number_of_layers_are_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.publish("toy", multilayer(6, (7, 3), 4), origin=ORIGIN)
    edit_tensors(store, lambda t: t.update(w4=torch.ones(4, 2), b4=torch.ones(2)))

    with pytest.raises(ManifestInvalid, match=r"output_width 4, tensors have 2"):
        store.load("toy")


WRONG_TENSORS: dict[str, tuple[Callable[[dict[str, Tensor]], object], str]] = {
    "nan": (lambda t: t["w1"].fill_(torch.nan), "w1 must be finite"),
    "infinite": (lambda t: t["master_logit"].fill_(torch.inf), "master_logit must be finite"),
    "half": (lambda t: t.update(w2=t["w2"].half()), "w2 must be float32, got torch.float16"),
    "missing": (lambda t: t.pop("b2"), "'b2' is missing"),
    "misshapen": (lambda t: t.update(b1=t["b1"][:3]), r"b1 must be \[4, 3\], got \[3, 3\]"),
    "unknown": (lambda t: t.update(w3=torch.ones(2)), "w3 have no place in it"),
}


@pytest.mark.parametrize("case", WRONG_TENSORS)
def test_wrong_tensors_are_refused_by_name(case: str, store: Store) -> None:
    change, message = WRONG_TENSORS[case]
    edit_tensors(store, change)

    with pytest.raises(WeightsInvalid, match=f"'toy' version 1: .*{message}"):
        store.load("toy")


@pytest.mark.parametrize(
    ("file", "error"), [(MANIFEST_FILE, ManifestInvalid), (WEIGHTS_FILE, WeightsInvalid)]
)
def test_a_missing_file_is_named(file: str, error: type[StoreError], store: Store) -> None:
    (folder(store) / file).unlink()

    with pytest.raises(error, match=f"'toy' version 1: {file} is missing"):
        store.load("toy")


def test_a_file_that_is_no_safetensors_is_refused(store: Store) -> None:
    path = folder(store) / WEIGHTS_FILE
    path.write_bytes(b"not tensors")
    edit_manifest(store, sha256=hashlib.sha256(b"not tensors").hexdigest())

    with pytest.raises(WeightsInvalid, match="'toy' version 1: "):
        store.load("toy")
