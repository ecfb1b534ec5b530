"""Files that are no state_dict are refused, each with its own reason."""

import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from model_store.errors import ImportRefused
from model_store.import_zip import MAX_PICKLE_BYTES
from model_store.importers import import_checkpoint
from tests.model_store import foreign, hostile


def refused(path: Path, message: str) -> None:
    with pytest.raises(ImportRefused, match=f"^{path.name}:? .*{message}"):
        import_checkpoint(path)


def saved(value: object, **options: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


WHOLE = saved(foreign.fastfeedforward())
NOT_ARCHIVES = {
    "empty": (b"", "was expected, this one is empty"),
    "text": (b"<!doctype html>\n<title>404", "got text beginning b'<!doctype html>"),
    "lfs": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 102702\n",
        "Git LFS pointer to it; fetch the file with 'git lfs pull'",
    ),
    "noise": (random.Random(0).randbytes(200), "got bytes beginning cd"),
    "old-pickle": (
        saved(foreign.fastfeedforward(), _use_new_zipfile_serialization=False),
        r"before PyTorch 1\.6, cannot be checked .* save it again: torch\.save\(torch\.load\(",
    ),
    "truncated": (WHOLE[:-100], "truncated or damaged"),
    "half": (WHOLE[: len(WHOLE) // 2], "truncated or damaged"),
    "empty-zip": (b"PK\x05\x06" + bytes(18), "holds NAME/data.pkl, this one holds nothing"),
    "half-safetensors": (save(foreign.fastfeedforward())[:-9], "not a whole safetensors file"),
}


@pytest.mark.parametrize("case", NOT_ARCHIVES)
def test_what_is_no_archive_is_refused_for_what_it_is(case: str, tmp_path: Path) -> None:
    content, message = NOT_ARCHIVES[case]
    path = tmp_path / "model"
    path.write_bytes(content)

    refused(path, message)


def test_a_path_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "cannot be read: No such file or directory")
    refused(tmp_path, "cannot be read: Is a directory")


def test_damage_to_a_tensor_is_noticed(tmp_path: Path) -> None:
    path, weights = tmp_path / "model", foreign.fastfeedforward()["w1s"].numpy().tobytes()
    damaged = bytearray(WHOLE)
    damaged[WHOLE.index(weights) + 8] ^= 1
    path.write_bytes(damaged)

    refused(path, r"truncated or damaged one: the checksum of .*/data/\d does not match")


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    path = hostile.write_zip(tmp_path / "model", hostile.entries(), zipfile.ZIP_DEFLATED)

    refused(path, "entries must be stored as they are")


SHAPES: dict[str, tuple[dict[str, bytes], str]] = {
    "numpy": ({"/node_weights.npy": b"..."}, "holds node_weights.npy/data.pkl, this one holds"),
    "torchscript": (hostile.entries() | {"constants.pkl": b""}, "TorchScript archive carries a pr"),
    "second-folder": (hostile.entries() | {"/other/data.pkl": b"."}, "under model/, got other/"),
    "other-case": (
        hostile.entries() | {"DATA.PKL": b"."},
        "be there once .* got model/data.pkl, model/DATA.PKL",
    ),
    "large-pickle": (
        hostile.entries() | {"data.pkl": bytes(MAX_PICKLE_BYTES + 1)},
        "data.pkl must be at most 1048576 bytes, got 1048577",
    ),
}


@pytest.mark.parametrize("case", SHAPES)
def test_a_zip_of_another_shape_is_refused(case: str, tmp_path: Path) -> None:
    content, message = SHAPES[case]

    refused(hostile.write_zip(tmp_path / "model", content), message)


def test_entries_that_overlap_are_refused(tmp_path: Path) -> None:
    """The directory names one stored block 50 times: small on disk, large when read."""
    path = tmp_path / "model"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", b".")
        archive.writestr("model/data/0", bytes(100_000))
        block = archive.getinfo("model/data/0")
        archive.filelist += [block] * 50

    refused(path, "every entry must be there once")


def test_sizes_beyond_the_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", b".")
        archive.getinfo("model/data.pkl").file_size = 10**9

    refused(path, r"entries claim 1000000000 bytes, the whole file has \d+")


def test_a_tensor_larger_than_its_storage_is_refused(tmp_path: Path) -> None:
    """A stride of 0 repeats one stored number; ten terabytes would follow on conversion."""
    path = tmp_path / "model"
    state = foreign.fastfeedforward() | {"w1s": torch.ones(1).expand(8, 6, 2 * 10**11)}
    path.write_bytes(saved(state))

    refused(path, r"tensors claim 38400000\d+ bytes, the whole file has \d+")


OTHER_CONTENT: dict[str, tuple[Callable[[], object], str]] = {
    "list": (lambda: [torch.ones(2)], "a state_dict was expected, got list"),
    "tensor": (lambda: torch.ones(2), "a state_dict was expected, got Tensor"),
    "training-state": (
        lambda: {"epoch": 3, "model": foreign.fastfeedforward()},
        r"'epoch' holds int; save the state_dict alone: torch\.save\(model\.state_dict",
    ),
    "numbered": (lambda: {0: torch.ones(2)}, "0 holds Tensor"),
    "empty": (dict, "were expected, got nothing"),
}


@pytest.mark.parametrize("case", OTHER_CONTENT)
def test_tensors_in_another_container_are_refused(case: str, tmp_path: Path) -> None:
    make, message = OTHER_CONTENT[case]
    path = tmp_path / "model"
    path.write_bytes(saved(make()))

    refused(path, message)


def test_attributes_of_a_pickled_dict_change_nothing(tmp_path: Path) -> None:
    content = hostile.entries()
    build_items_none = b"}X\x05\0\0\0itemsNsb."
    content["data.pkl"] = content["data.pkl"][:-1] + build_items_none

    imported = import_checkpoint(hostile.write_zip(tmp_path / "model", content))

    assert imported.weights.depth == 3
