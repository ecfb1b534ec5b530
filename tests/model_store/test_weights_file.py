"""The file of tensors: the library's format, mapped, and never the way for a wrong answer."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from fff import chunks, reference
from fff.kernels.cpu.backend import NumbaGrouped
from fff.weights import FFFWeights
from model_store.errors import ChecksumMismatch, WeightsInvalid
from model_store.store import Store
from model_store.version_files import MANIFEST_FILE, WEIGHTS_FILE
from model_store.weights_file import write_tensors
from tests.fff.networks import dense, rows, tree
from tests.model_store.conftest import ORIGIN

CPU = torch.device("cpu")


def weights_file(store: Store) -> Path:
    return store.root / "toy" / "1" / WEIGHTS_FILE


def fit_hash(store: Store) -> None:
    """Give the manifest the hash that the file has now."""
    manifest = weights_file(store).with_name(MANIFEST_FILE)
    sha256 = hashlib.sha256(weights_file(store).read_bytes()).hexdigest()
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"sha256": sha256}))


@pytest.mark.parametrize(
    "tensors",
    [tree(6, 2, 3, 4, m=5).tensors(), tree(6, 0, 3, 4).tensors(), dense(6, 7, 4).tensors()],
    ids=["fff-with-master", "depth-0", "dense"],
)
@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20])
def test_a_file_is_byte_for_byte_the_safetensors_librarys(
    tensors: dict[str, Tensor], chunk_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", chunk_bytes)
    save_file(tensors, tmp_path / "by-library")

    write_tensors(tmp_path / "by-us", tensors)

    assert (tmp_path / "by-us").read_bytes() == (tmp_path / "by-library").read_bytes()


def test_a_tensor_that_lies_scattered_in_memory_is_written_whole(tmp_path: Path) -> None:
    scattered = rows(8, 6).T[::2]

    write_tensors(tmp_path / "file", {"w": scattered})

    assert torch.equal(load_file(tmp_path / "file")["w"], scattered)


def test_a_file_with_metadata_loads(store: Store) -> None:
    tensors = load_file(weights_file(store))
    save_file(tensors, weights_file(store), metadata={"made by": "another tool"})
    fit_hash(store)

    loaded = store.load("toy").weights.tensors()

    assert all(torch.equal(loaded[name], tensors[name]) for name in tensors)


CUTS: dict[str, Callable[[bytes], bytes]] = {
    "header": lambda content: content[:100],
    "last-tensor": lambda content: content[:-4],
    "everything": lambda content: b"",
    "one-more": lambda content: content + b"\0\0\0\0",
}


@pytest.mark.parametrize("cut", CUTS)
def test_a_file_of_another_length_is_refused(cut: str, store: Store) -> None:
    path = weights_file(store)
    path.write_bytes(CUTS[cut](path.read_bytes()))

    with pytest.raises(ChecksumMismatch, match="'toy' version 1: "):
        store.load("toy")
    fit_hash(store)
    with pytest.raises(WeightsInvalid, match="'toy' version 1: "):
        store.load("toy")


def test_a_number_that_is_none_is_found_in_any_chunk(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 1)
    tensors = load_file(weights_file(store))
    tensors["w2"][-1, -1, -1] = -torch.inf
    save_file(tensors, weights_file(store))
    fit_hash(store)

    with pytest.raises(WeightsInvalid, match="w2 must be finite"):
        store.load("toy")


@pytest.mark.parametrize("change", ["overwritten", "truncated", "deleted"])
def test_a_file_that_changes_under_a_loaded_model_changes_no_answer(
    change: str, store: Store
) -> None:
    """The kernel computes from a copy of its own; no page of the file is read any more."""
    weights = store.load("toy").weights
    assert isinstance(weights, FFFWeights)
    kernel, x = NumbaGrouped(weights, CPU), rows(20, 6)
    truth = kernel.infer(x)

    path = weights_file(store)
    if change == "overwritten":
        with path.open("r+b") as file:
            file.write(b"\xff" * path.stat().st_size)
    elif change == "truncated":
        path.open("wb").close()
    else:
        path.unlink()

    again = kernel.infer(x)
    assert torch.equal(again.logits, truth.logits)
    assert torch.equal(again.leaf, truth.leaf)


def test_a_tree_of_fifteen_levels_is_served_as_the_reference_computes_it(tmp_path: Path) -> None:
    """32,768 leaves, which are sorted in two passes."""
    store, x = Store(tmp_path), rows(300, 5)
    store.publish("deep", tree(5, 15, 1, 2), origin=ORIGIN)

    weights = store.load("deep").weights
    assert isinstance(weights, FFFWeights)
    answer = NumbaGrouped(weights, CPU).infer(x)

    truth = reference.infer(x, weights)
    assert torch.equal(answer.leaf, truth.leaf)
    assert len(answer.leaf.unique()) > 150
    torch.testing.assert_close(answer.logits, truth.logits, rtol=1e-4, atol=1e-5)
