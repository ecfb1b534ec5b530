"""
IDX, the file format of MNIST and its kin: arrays of unsigned bytes, plain or gzip.

Covered:      unsigned bytes with 1 to 4 dimensions, plain or gzip, told apart by content;
              reading is bounded by what the header announces.
Not covered:  other element types; what the numbers mean (`evaluation.datasets`).

Own code because the library that reads IDX is torchvision: a compiled package for 40 lines, and
it reads a file whole before it looks at the header.

Source of the format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", section "the IDX
file format": two zero bytes, the element type, the number of dimensions, then each dimension
as a big-endian 32-bit integer, then the elements, last dimension fastest.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from evaluation.errors import DatasetError

Bytes = npt.NDArray[np.uint8]

MAX_DIMS = 4  # colour images: [n, height, width, channels]
MOST_BYTES = 1 << 32
"""Of an array: 5 million images of MNIST, as in NumPy's files."""

_UNSIGNED_BYTE = 0x08
_GZIP = b"\x1f\x8b"
_CHUNK_BYTES = 1 << 24  # a header may announce gigabytes; memory follows what is really there


def read_idx(path: Path) -> Bytes:
    """
    Read an IDX file of unsigned bytes, gzip or plain.

    Returns:
        An array of the shape that the header announces, uint8, writable.

    Raises:
        DatasetError: If the file is missing, or is not exactly what its header says.
    """
    try:
        with path.open("rb") as raw:
            compressed = raw.read(len(_GZIP)) == _GZIP
            raw.seek(0)
            if not compressed:
                return parse_idx(raw, path)
            with gzip.GzipFile(fileobj=raw) as inflated:
                return parse_idx(inflated, path)
    except (OSError, EOFError, zlib.error) as exc:  # BadGzipFile is an OSError
        why = getattr(exc, "strerror", None) or exc
        raise DatasetError(f"{path}: an IDX file was expected, reading it failed: {why}") from exc


def parse_idx(file: BinaryIO | gzip.GzipFile, path: Path | str) -> Bytes:
    """
    Read what is not compressed, or no more; `path` is for messages.

    Raises:
        DatasetError: If it is not exactly what its header says.
    """
    zeros, element, dims = struct.unpack(">HBB", _read(file, 4, path, "magic number"))
    if zeros or element != _UNSIGNED_BYTE:
        raise DatasetError(
            f"{path}: an IDX file of unsigned bytes starts with 00 00 08, "
            f"got {zeros >> 8:02x} {zeros & 255:02x} {element:02x}"
        )
    if not 1 <= dims <= MAX_DIMS:
        raise DatasetError(f"{path}: 1 to {MAX_DIMS} dimensions were expected, got {dims}")
    shape = struct.unpack(f">{dims}I", _read(file, 4 * dims, path, "dimensions"))
    if 0 in shape:
        raise DatasetError(f"{path}: every dimension must be at least 1, got {list(shape)}")
    if (size := math.prod(shape)) > MOST_BYTES:
        raise DatasetError(
            f"{path}: at most {MOST_BYTES:,} bytes are read, the header announces {size:,}"
        )
    content = _read(file, size, path, f"elements {list(shape)}")
    if file.read(1):
        raise DatasetError(
            f"{path}: the header announces {list(shape)}, more than its {size} bytes follow"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def write_idx(path: Path, array: Bytes) -> None:
    """
    Write an IDX file of unsigned bytes, gzip where the name ends in `.gz`.

    The same array gives the same bytes: no time and no file name in the gzip header.
    """
    if array.dtype != np.uint8 or not 1 <= array.ndim <= MAX_DIMS or array.size == 0:
        raise DatasetError(
            f"an IDX file is written from uint8 with 1 to {MAX_DIMS} dimensions, none of them 0; "
            f"got {array.dtype} {list(array.shape)}"
        )
    head = struct.pack(f">HBB{array.ndim}I", 0, _UNSIGNED_BYTE, array.ndim, *array.shape)
    content = head + array.tobytes()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def _read(file: BinaryIO | gzip.GzipFile, size: int, path: Path | str, field: str) -> bytearray:
    content = bytearray()
    while len(content) < size:
        chunk = file.read(min(size - len(content), _CHUNK_BYTES))
        if not chunk:
            raise DatasetError(f"{path}: {size} bytes of {field} were expected, got {len(content)}")
        content += chunk
    return content
