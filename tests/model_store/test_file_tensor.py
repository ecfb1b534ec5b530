"""A tensor in a file is the tensor: every way of reading it, and what happens to the file."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch
from torch import Tensor

from model_store.errors import FileChanged
from model_store.file_tensor import FileTensor
from model_store.files import BLOCK_BYTES, StoredFile

SKIPPED = 40  # bytes before the numbers
TRUTH = torch.randn(300, 70, 5, generator=torch.Generator().manual_seed(0))  # seven blocks
ROWS = torch.tensor([[7, 299], [0, 7]])

READS: dict[str, Callable[[Tensor], object]] = {
    "a row": lambda t: t[3],
    "the last row": lambda t: t[-1],
    "rows": lambda t: t[10:290],
    "no rows": lambda t: t[5:5],
    "rows and columns": lambda t: t[10:20, :, 1:3],
    "columns of a row": lambda t: t[3, 2:4],
    "chosen rows": lambda t: t[ROWS],
    "chosen rows, one column": lambda t: t[ROWS, ..., 2],
    "pairs": lambda t: t[ROWS, ROWS % 70],
    "by a mask": lambda t: t[TRUTH[:, 0, 0] > 0],
    "every other row": lambda t: t[::2],
    "one more axis": lambda t: t[None],
    "the whole": lambda t: t.to("cpu"),
    "on the CPU": lambda t: t.cpu(),
    "contiguous": lambda t: t.contiguous(),
    "in float64": lambda t: t.double(),
    "an array": lambda t: torch.from_numpy(t.numpy()),
    "a list": lambda t: torch.tensor(t.tolist()),
    "a sum": lambda t: t.sum(0),
    "a product": lambda t: TRUTH.transpose(1, 2) @ t,
    "stacked": lambda t: torch.stack([t, TRUTH]),
    "norms": lambda t: torch.linalg.vector_norm(t, dim=-1, dtype=torch.float64),
    "zeros alike": torch.zeros_like,
    "sizes": lambda t: torch.tensor([len(t), t.ndim, t.numel(), t.nbytes, *t.shape]),
}
MODES = {"inference": torch.inference_mode, "usual": torch.enable_grad}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "numbers"
    path.write_bytes(b"x" * SKIPPED + TRUTH.numpy().tobytes())
    return path


def opened(path: Path) -> FileTensor:
    file = StoredFile(path, "model 'toy' version 1")
    file.hash()
    return FileTensor(file, SKIPPED, TRUTH.shape)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("read", READS)
def test_whatever_is_read_is_what_a_tensor_in_memory_gives(
    read: str, mode: str, path: Path
) -> None:
    with _entered(MODES[mode]()):
        given, expected = READS[read](opened(path)), READS[read](TRUTH)

    assert type(given) is Tensor
    assert isinstance(expected, Tensor)
    assert given.dtype == expected.dtype
    assert torch.equal(given, expected)


@pytest.mark.parametrize("index", [300, -301, torch.tensor([300]), (0, 70)])
def test_an_index_beyond_the_end_is_refused_as_any_tensor_does(index: object, path: Path) -> None:
    with pytest.raises(IndexError):
        opened(path)[index]


@pytest.mark.parametrize("change", ["overwritten", "cut", "emptied"])
def test_a_change_of_the_file_is_an_error_and_no_other_number(change: str, path: Path) -> None:
    tensor = opened(path)
    if change == "overwritten":
        with path.open("r+b") as file:
            file.seek(BLOCK_BYTES + 100)
            file.write(b"\0")
    else:
        os.truncate(path, BLOCK_BYTES if change == "cut" else 0)

    with pytest.raises(FileChanged, match="^model 'toy' version 1: numbers has changed while"):
        tensor.to("cpu")


@pytest.mark.parametrize("change", ["replaced", "deleted", "appended to"])
def test_what_leaves_the_bytes_alone_changes_nothing(change: str, path: Path) -> None:
    tensor = opened(path)
    if change == "appended to":
        with path.open("ab") as file:
            file.write(b"more")
    else:
        path.unlink()
        if change == "replaced":
            path.write_bytes(b"another file")

    assert torch.equal(tensor.to("cpu"), TRUTH)


def test_a_row_is_read_with_its_block_and_no_more(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensor, read = opened(path), []
    preadv = os.preadv

    def counted(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        read.append(len(buffers[0]))
        return preadv(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", counted)
    assert torch.equal(tensor[torch.tensor([2, 0, 1, 2])], TRUTH[[2, 0, 1, 2]])

    assert read == [BLOCK_BYTES]


def test_its_descriptor_is_closed_with_the_last_tensor(path: Path) -> None:
    tensor = opened(path)
    rows = tensor[1:3]
    descriptor = tensor._file._descriptor

    del tensor

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    assert torch.equal(rows, TRUTH[1:3])


def _entered(mode: object) -> AbstractContextManager[object]:
    assert isinstance(mode, AbstractContextManager)
    return mode
