"""
The tensors of a version: one safetensors file, mapped rather than read, and passed in chunks.

Whatever its size, a network is written and checked in the memory of a chunk, and one that is
loaded takes memory only where it is read.

Own code for writing and mapping: the library writes contiguous tensors alone, which takes a copy of
the others, and gives back none of the pages that reading took. It still checks every header.

Format: https://huggingface.co/docs/safetensors, `[header bytes, u64][header, JSON][tensors]`.
"""

import json
import mmap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import safe_open
from torch import Tensor

from fff.chunks import chunk_slices

_LENGTH_BYTES = 8
_ALIGNMENT = 8  # the format asks for tensors that begin so


class UnfitTensor(ValueError):
    """A tensor that no checkpoint may hold; the message names it."""


@dataclass(frozen=True, slots=True)
class MappedTensors:
    """
    The tensors of a file.

    Attributes:
        tensors: By name, on the CPU. Float32 ones lie in the mapped file: they are to be read
            only, and what is written to them, though it never reaches the file, may be lost.
        release: Gives the pages back that reading has brought into memory. Reading on is safe.
    """

    tensors: dict[str, Tensor]
    release: Callable[[], None]


def map_tensors(path: Path, file: BinaryIO) -> MappedTensors:
    """
    Map a file.

    Args:
        path: Path of the file, for the library that checks its header.
        file: The same file, open for reading bytes.

    Raises:
        SafetensorError: If it is not a safetensors file.
    """
    with safe_open(path, framework="pt") as checked:  # the library checks the header
        others = {n: checked.get_tensor(n) for n in checked.keys() if not _is_float32(checked, n)}  # noqa: SIM118
    file.seek(0)
    length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
    header: dict[str, Any] = json.loads(file.read(length))
    header.pop("__metadata__", None)
    # Private and writable, because torch warns of memory that is not; nothing reaches the file.
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    tensors = {
        name: _view(mapped, _LENGTH_BYTES + length + entry["data_offsets"][0], entry["shape"])
        for name, entry in header.items()
        if name not in others
    }

    def release() -> None:
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            mapped.madvise(mmap.MADV_DONTNEED)

    return MappedTensors(tensors | others, release)


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


def check_tensors(
    tensors: Mapping[str, Tensor], release: Callable[[], None] = lambda: None
) -> None:
    """
    Check that every number is finite and float32.

    Args:
        tensors: By name, on any device.
        release: Called after each chunk; see `MappedTensors`.

    Raises:
        UnfitTensor: Naming the tensor, with the dtype or the kind of number it holds.
    """
    for name, tensor in tensors.items():
        if tensor.dtype != torch.float32:
            raise UnfitTensor(f"{name} must be float32, got {tensor.dtype}")
        for chunk in _chunks(tensor):
            # NaN is the least and the greatest of numbers it is among: one pass, no temporaries.
            least, greatest = torch.aminmax(chunk)
            if not torch.isfinite(least) or not torch.isfinite(greatest):
                raise UnfitTensor(f"{name} must be finite, it holds NaN or infinity")
            release()


def _is_float32(file: Any, name: str) -> bool:
    dtype: str = file.get_slice(name).get_dtype()
    return dtype == "F32"


def _view(mapped: mmap.mmap, offset: int, shape: list[int]) -> Tensor:
    count = prod(shape)
    if not count:  # torch makes no tensor of no memory
        return torch.empty(shape)
    return torch.frombuffer(mapped, dtype=torch.float32, count=count, offset=offset).view(shape)


def _chunks(tensor: Tensor) -> Iterator[Tensor]:
    tensor = tensor.detach()
    if not tensor.ndim:
        yield tensor
    elif tensor.numel():
        for rows in chunk_slices(len(tensor), tensor.nbytes // len(tensor)):
            yield tensor[rows]
