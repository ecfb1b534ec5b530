"""
NumPy's files, `.npy` and `.npz`, without loading anything but numbers.

NumPy's own reader believes a header: it sets aside the memory that a hundred bytes ask for. Here
the size that a header announces is held against what is there first, and memory grows with what is
really read. Pickles are never loaded.

Covered:      one array of a file, of bytes, of an archive, by name.
Not covered:  what the numbers mean (`evaluation.array_files`, `service.cli.input_file`).
"""

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from evaluation.errors import DatasetError

Array = npt.NDArray[Any]
NPY, ZIP = b"\x93NUMPY", b"PK"
"""What the files begin with."""
MOST_BYTES = 1 << 32
"""Of one array: 5 million images of MNIST."""
_CHUNK_BYTES = 1 << 24
_MOST_HEADER_BYTES = 1 << 16  # numpy refuses more than 10,000 by itself, once it has read them
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, LZMAError, struct.error, UnicodeDecodeError),
    *(OSError, EOFError, RuntimeError, NotImplementedError),
)
"""What a damaged, encrypted or exotic member of an archive raises."""


class Announced(NamedTuple):
    """
    What a header says.

    Attributes:
        shape: Of the array.
        by_columns: Whether its first index runs fastest (Fortran's order).
        dtype: Of its elements; no Python objects.
        start: Byte at which they begin.
    """

    shape: tuple[int, ...]
    by_columns: bool
    dtype: np.dtype[Any]
    start: int

    def of(self, content: bytes | bytearray, offset: int = 0) -> Array:
        """Return the array that these bytes are; a view."""
        if not math.prod(self.shape):
            return np.empty(self.shape, self.dtype)
        flat = np.frombuffer(content, self.dtype, offset=offset)
        return flat.reshape(self.shape, order="F" if self.by_columns else "C")


def read_npy(content: bytes) -> Array:
    """
    Read an array, of any shape and type; a view of `content`.

    Raises:
        DatasetError: Not such a file, not whole, or Python objects.
    """
    announced = _announced(content[:_MOST_HEADER_BYTES], len(content))
    return announced.of(content, announced.start)


def read_npy_file(path: Path) -> Array:
    """
    Read the array of a file.

    Raises:
        DatasetError: As `read_npy`, or the file cannot be read, or holds more than `MOST_BYTES`;
            it names the file.
    """
    try:
        with path.open("rb") as file:
            return _read_stream(file, path.stat().st_size, MOST_BYTES)
    except OSError as exc:
        raise DatasetError(f"{path}: cannot be read: {exc.strerror or exc}") from exc
    except DatasetError as exc:
        raise DatasetError(f"{path}: {exc}") from exc


class Archive:
    """
    An archive of arrays that is open.

    Args:
        file: Its bytes.
        most_bytes: Of one array, inflated.

    Raises:
        DatasetError: It is no archive.
    """

    def __init__(self, file: IO[bytes], most_bytes: int):
        self._most_bytes = most_bytes
        with _broken():
            self._zip = zipfile.ZipFile(file)

    @property
    def names(self) -> list[str]:
        """Of the arrays in it."""
        members = [name for name in self._zip.namelist() if name.endswith(".npy")]
        return [name.removesuffix(".npy") for name in members]

    def read(self, name: str) -> Array:
        """
        Read one array, which must be there.

        Raises:
            DatasetError: As `read_npy`; it is damaged, or has too many bytes.
        """
        with _broken():
            info = self._zip.getinfo(f"{name}.npy")
            with self._zip.open(info) as member:
                return _read_stream(member, info.file_size, self._most_bytes)


@contextmanager
def open_npz(path: Path) -> Iterator[Archive]:
    """
    Open the archive of a file.

    Raises:
        DatasetError: It is none, or cannot be read; it names the file. An array may have
            `MOST_BYTES`.
    """
    try:
        file = path.open("rb")
    except OSError as exc:
        raise DatasetError(f"{path}: cannot be read: {exc.strerror or exc}") from exc
    with file:
        try:
            archive = Archive(file, MOST_BYTES)
        except DatasetError as exc:
            raise DatasetError(f"{path}: {exc}") from exc
        yield archive


@contextmanager
def _broken() -> Iterator[None]:
    try:
        yield
    except _BROKEN as exc:
        raise DatasetError(f"an .npz file was expected: {exc}") from exc


def _read_stream(stream: IO[bytes], size: int, most_bytes: int) -> Array:
    """Read what a stream holds that is said to be of `size` bytes."""
    if size > most_bytes:
        raise DatasetError(f"at most {most_bytes:,} bytes are read, there are {size:,}")
    head = stream.read(_MOST_HEADER_BYTES)
    announced = _announced(head, size)
    content = bytearray(head[announced.start :])
    while chunk := stream.read(_CHUNK_BYTES):
        content += chunk
    if announced.start + len(content) != size:
        raise DatasetError(f"{size} bytes were expected, got {announced.start + len(content)}")
    return announced.of(content)


def _announced(head: bytes, size: int) -> Announced:
    """Read a header, and hold it against the `size` that is there in all."""
    file = io.BytesIO(head)
    try:
        shape, by_columns, dtype = _header(file)
        if dtype.hasobject:
            raise DatasetError("numbers were expected, it holds Python objects: a pickle, not read")
        announced, left = math.prod(shape) * dtype.itemsize, size - file.tell()
        if announced != left:
            raise DatasetError(
                f"its header announces {list(shape)} {dtype}, {announced} bytes; {left} follow"
            )
        return Announced(shape, by_columns, dtype, file.tell())
    except (ValueError, OverflowError, RecursionError, MemoryError) as exc:
        if isinstance(exc, DatasetError):
            raise
        raise DatasetError(f"an .npy file was expected: {str(exc).splitlines()[0]}") from exc


def _header(file: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(file)
    if version == (1, 0):
        return npy.read_array_header_1_0(file)
    if version == (2, 0):
        return npy.read_array_header_2_0(file)
    raise DatasetError(f"format version 1.0 or 2.0 was expected, got {version[0]}.{version[1]}")
