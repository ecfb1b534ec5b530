"""
NumPy's files, `.npy` and `.npz`, without loading anything but numbers.

NumPy's own reader believes a header: it sets aside the memory that a hundred bytes ask for. Here
the size that a header announces is held against what is there first. Pickles are never loaded.
"""

import io
import math
import zipfile
import zlib
from lzma import LZMAError
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from evaluation.errors import DatasetError
from service.cli.input_bytes import bounded

Array = npt.NDArray[Any]
USUAL_NAMES = ("x", "inputs")
_BROKEN = (OSError, EOFError, RuntimeError, NotImplementedError, zlib.error, LZMAError)
"""What a damaged, encrypted or exotic member of an archive raises; with BadZipFile."""


def read_npy(content: bytes) -> Array:
    """
    Read an array, of any shape and type; a view of `content`.

    Raises:
        DatasetError: Not such a file, not whole, or Python objects.
    """
    file = io.BytesIO(content)
    try:
        shape, by_columns, dtype = _header(file)
        if dtype.hasobject:
            raise DatasetError("numbers were expected, it holds Python objects: a pickle, not read")
        size, left = math.prod(shape) * dtype.itemsize, len(content) - file.tell()
        if size != left:
            raise DatasetError(
                f"its header announces {list(shape)} {dtype}, {size} bytes; {left} follow"
            )
        if not size:
            return np.empty(shape, dtype)
        flat = np.frombuffer(content, dtype, offset=file.tell())
        return flat.reshape(shape, order="F" if by_columns else "C")
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


def read_npz(content: bytes, name: str | None) -> Array:
    """
    Read one array of an archive.

    Args:
        content: Of the archive.
        name: Of the array; by default the only one, or the one of `USUAL_NAMES`.

    Raises:
        DatasetError: No archive, no such array, no choice; or as `read_npy`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.namelist() if member.endswith(".npy")]
            chosen = _chosen([member.removesuffix(".npy") for member in members], name)
            with archive.open(f"{chosen}.npy") as member:
                array = bounded(member)
    except (zipfile.BadZipFile, *_BROKEN) as exc:
        raise DatasetError(f"an .npz file was expected: {exc}") from exc
    return read_npy(array)


def _chosen(names: list[str], wanted: str | None) -> str:
    if not names:
        raise DatasetError("an archive of arrays (.npz) was expected, it holds none")
    if wanted is not None:
        if wanted not in names:
            raise DatasetError(f"it holds no array {wanted!r}; it holds {', '.join(names)}")
        return wanted
    usual = names if len(names) == 1 else [name for name in USUAL_NAMES if name in names]
    if not usual:
        raise DatasetError(f"it holds several arrays, {', '.join(names)}: choose one with --array")
    return usual[0]
