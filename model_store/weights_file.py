"""
The tensors of a version: one safetensors file, read and written in chunks.

Whatever its size, a network is written and checked in the memory of a chunk; nothing of the file
is mapped (docs/decisions/0015-what-happens-to-a-file.md).

Own code for both ways: the library maps what it reads, so that a file that is cut short ends the
process; it writes contiguous tensors alone, which takes a copy of the others.

Format: https://huggingface.co/docs/safetensors, `[header bytes, u64][header, JSON][tensors]`.
"""

import json
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from fff.chunks import chunk_slices
from model_store.file_tensor import FileTensor
from model_store.files import StoredFile, UnfitFile

_LENGTH_BYTES = 8
_ALIGNMENT = 8  # the format asks for tensors that begin so
_MOST_HEADER_BYTES = 1 << 20
"""Eleven tensors take one kilobyte; the rest is for what a tool notes about itself."""
_DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64}


class UnfitTensor(ValueError):
    """A tensor that no checkpoint may hold; the message names it."""


class _Entry(NamedTuple):
    """A tensor as the header describes it, its bytes counted from the header's end."""

    name: str
    dtype: str
    shape: list[int]
    begin: int
    end: int


def read_tensors(file: StoredFile) -> dict[str, Tensor]:
    """
    Find the tensors of a file, by name; none of their numbers is read yet (`FileTensor`).

    Args:
        file: Hashed before.

    Raises:
        UnfitFile: If it is not a safetensors file.
        FileChanged: If it is another one than was hashed.
        UnfitTensor: Naming the tensor that is not float32.
    """
    length = int.from_bytes(_read(file, 0, _LENGTH_BYTES), "little")
    if length > _MOST_HEADER_BYTES:
        raise _malformed(file, f"its header may hold {_MOST_HEADER_BYTES:,} bytes")
    text = _read(file, _LENGTH_BYTES, length)
    try:
        header = json.loads(text, object_pairs_hook=_without_repetitions)
        header.pop("__metadata__", None)
        entries = sorted(_entries(header), key=lambda entry: (entry.begin, entry.end))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
        raise _malformed(file, "its header is not that of tensors") from exc
    start, end = _LENGTH_BYTES + length, 0
    for entry in entries:
        if entry.begin != end:
            raise _malformed(file, f"{entry.name} does not begin where another one ends")
        end = entry.end
    if start + end != file.size:
        raise _malformed(file, f"its header describes {start + end:,} bytes, it has {file.size:,}")
    return {entry.name: _tensor(file, start, entry) for entry in entries}


def _read(file: StoredFile, begin: int, length: int) -> bytearray:
    if begin + length > file.size:
        raise _malformed(file, "it is too short")
    content = bytearray(length)
    file.read(begin, memoryview(content))
    return content


def _malformed(file: StoredFile, why: str) -> UnfitFile:
    return UnfitFile(f"{file.name} must be a safetensors file: {why}")


def _without_repetitions(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _entries(header: dict[str, Any]) -> Iterator[_Entry]:
    for name, entry in header.items():
        (begin, end), shape, dtype = entry["data_offsets"], entry["shape"], entry["dtype"]
        if not all(type(number) is int and number >= 0 for number in (begin, end, *shape)):
            raise ValueError("sizes are natural numbers")
        yield _Entry(name, dtype, shape, begin, end)


def _tensor(file: StoredFile, start: int, entry: _Entry) -> Tensor:
    if entry.dtype != "F32":
        raise UnfitTensor(
            f"{entry.name} must be float32, got {_DTYPES.get(entry.dtype, 'another')}"
        )
    if entry.end - entry.begin != prod(entry.shape) * torch.float32.itemsize:
        raise _malformed(file, f"{entry.name} has another number of bytes than its shape")
    return FileTensor(file, start + entry.begin, entry.shape)


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """
    Write float32 tensors, byte for byte as the safetensors library does.

    Args:
        path: Path of a new file.
        tensors: By name, float32, of any device and layout.

    Raises:
        OSError: If the file exists, or the disk or its permissions refuse.
    """
    header: dict[str, object] = {}
    end = 0
    for name, tensor in sorted(tensors.items()):
        begin, end = end, end + tensor.nbytes
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    with path.open("xb") as file:
        file.write(len(text).to_bytes(_LENGTH_BYTES, "little") + text)
        for _, tensor in sorted(tensors.items()):
            for chunk in _chunks(tensor):
                file.write(chunk.contiguous().cpu().numpy().data)


def check_tensors(tensors: Mapping[str, Tensor]) -> dict[str, float]:
    """
    Check that every number is finite and float32.

    Args:
        tensors: By name, on any device.

    Returns:
        The largest absolute value of each.

    Raises:
        UnfitTensor: Naming the tensor, with the dtype or the kind of number it holds.
    """
    largest = dict.fromkeys(tensors, 0.0)
    for name, tensor in tensors.items():
        if tensor.dtype != torch.float32:
            raise UnfitTensor(f"{name} must be float32, got {tensor.dtype}")
        for chunk in _chunks(tensor):
            # NaN is the least and the greatest of numbers it is among: one pass, no temporaries.
            least, greatest = torch.aminmax(chunk)
            if not torch.isfinite(least) or not torch.isfinite(greatest):
                raise UnfitTensor(f"{name} must be finite, it holds NaN or infinity")
            largest[name] = max(largest[name], -float(least), float(greatest))
    return largest


def _chunks(tensor: Tensor) -> Iterator[Tensor]:
    if not tensor.ndim:
        yield tensor.detach()
    elif tensor.numel():
        for rows in chunk_slices(len(tensor), tensor.nbytes // len(tensor)):
            yield tensor[rows].detach()
