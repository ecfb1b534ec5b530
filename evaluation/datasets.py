"""
Labelled images as bytes: the IDX files of MNIST and its kin, and scikit-learn's digits.

Covered:      IDX of unsigned bytes with 1 to 4 dimensions, plain or gzip, told apart by
              content; reading is bounded by what the header announces.
Not covered:  other element types; downloading. Nothing here scales a pixel: a recipe does.

Source of the format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", section "the IDX
file format": two zero bytes, the element type, the number of dimensions, then each dimension
as a big-endian 32-bit integer, then the elements, last dimension fastest.
"""

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from evaluation.errors import DatasetError

Bytes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

MAX_DIMS = 4  # colour images: [n, height, width, channels]
DIGITS_TEST_ROWS = 360  # a fifth of the 1797

_UNSIGNED_BYTE = 0x08
_GZIP = b"\x1f\x8b"
_CHUNK_BYTES = 1 << 24  # a header may announce terabytes; memory follows what is really there


@dataclass(frozen=True, slots=True)
class Dataset:
    """
    Images with their classes.

    Attributes:
        images: Raw pixels, `[n, i]`, uint8.
        labels: Classes, `[n]`, int64, `>= 0`.
        name: What it is, for messages.
    """

    images: Bytes
    labels: Labels
    name: str

    def __post_init__(self) -> None:
        if self.images.ndim != 2 or self.labels.ndim != 1:
            raise DatasetError(
                f"{self.name}: images must be [n, i] and labels [n], "
                f"got {list(self.images.shape)} and {list(self.labels.shape)}"
            )
        if len(self.images) != len(self.labels):
            raise DatasetError(
                f"{self.name}: every image needs one label, "
                f"got {len(self.images)} images and {len(self.labels)} labels"
            )
        if self.images.size == 0:
            raise DatasetError(
                f"{self.name}: at least one pixel is needed, got images {list(self.images.shape)}"
            )

    def __len__(self) -> int:
        return len(self.images)


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
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            if not packed:
                return _parse_idx(raw, path)
            with gzip.GzipFile(fileobj=raw) as unpacked:
                return _parse_idx(unpacked, path)
    except (OSError, EOFError, zlib.error) as exc:  # BadGzipFile is an OSError
        raise DatasetError(f"{path}: an IDX file was expected, reading it failed: {exc}") from exc


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


def load_idx_images(images: Path) -> Bytes:
    """
    Read images, `[n, pixels]`: an image of any shape becomes one row.

    Raises:
        DatasetError: If the file is not what it should be.
    """
    pixels = read_idx(images)
    if pixels.ndim < 2:
        raise DatasetError(
            f"{images}: images must have at least 2 dimensions, got {list(pixels.shape)}"
        )
    return pixels.reshape(len(pixels), math.prod(pixels.shape[1:]))


def load_idx_pair(images: Path, labels: Path) -> Dataset:
    """
    Read images and their labels.

    Raises:
        DatasetError: If a file is not what it should be, or they do not belong together.
    """
    return Dataset(load_idx_images(images), read_idx(labels).astype(np.int64), images.name)


def load_idx_folder(folder: Path) -> tuple[Dataset, Dataset]:
    """
    Read the training and the test part from a folder with the file names of MNIST.

    Raises:
        DatasetError: If a file is missing (none of its spellings is there) or wrong.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: a folder with IDX files was expected, there is none")
    train, test = (
        load_idx_pair(_find(folder, part, "images", 3), _find(folder, part, "labels", 1))
        for part in ("train", "t10k")
    )
    if train.images.shape[1] != test.images.shape[1]:
        raise DatasetError(
            f"{folder}: training and test images must be of one size, "
            f"got {train.images.shape[1]} and {test.images.shape[1]} pixels"
        )
    return train, test


def digits() -> tuple[Dataset, Dataset]:
    """
    scikit-learn's handwritten digits, 8x8 pixels of 0 to 16, split into training and test.

    The split is the same everywhere: `RandomState` is numpy's frozen generator. Rows are
    shuffled because they come writer by writer; so the same writers are in both parts.

    Raises:
        DatasetError: If scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as exc:
        raise DatasetError(
            "the digits come with scikit-learn, which is not installed: "
            "pip install 'fff-serve[train]'"
        ) from exc
    found = load_digits()
    order = np.random.RandomState(0).permutation(len(found.target))
    images, labels = found.data.astype(np.uint8)[order], found.target.astype(np.int64)[order]
    cut = len(order) - DIGITS_TEST_ROWS
    return (
        Dataset(images[:cut], labels[:cut], "digits (training)"),
        Dataset(images[cut:], labels[cut:], "digits (test)"),
    )


def load(source: str, folder: Path | None) -> tuple[Dataset, Dataset]:
    """
    Training and test data of a recipe's `data` field.

    Raises:
        DatasetError: If a folder is given where none is read, or the other way round.
    """
    if source == "digits":
        if folder is not None:
            raise DatasetError(
                f"the digits come with scikit-learn and no folder is read, got {folder}; "
                "for images of your own set data=idx"
            )
        return digits()
    if folder is None:
        raise DatasetError("a folder with IDX files must be given, got none")
    return load_idx_folder(folder)


def write_digits_sample(folder: Path) -> None:
    """Write the digits' test part as IDX files: what load tests and the README send."""
    _, test = digits()
    write_idx(folder / "digits-images.idx3-ubyte.gz", test.images.reshape(-1, 8, 8))
    write_idx(folder / "digits-labels.idx1-ubyte.gz", test.labels.astype(np.uint8))


def _find(folder: Path, part: str, what: str, dims: int) -> Path:
    # MNIST is published with a dash before "idx", and repackaged with a dot.
    stems = [f"{part}-{what}{sep}idx{dims}-ubyte" for sep in "-."]
    names = [stem + suffix for stem in stems for suffix in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DatasetError(f"{folder}: one of {', '.join(names)} was expected, none is there")


def _parse_idx(file: BinaryIO | gzip.GzipFile, path: Path) -> Bytes:
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
    content = _read(file, math.prod(shape), path, f"elements {list(shape)}")
    if file.read(1):
        raise DatasetError(
            f"{path}: the header announces {list(shape)}, more than its "
            f"{math.prod(shape)} bytes follow"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _read(file: BinaryIO | gzip.GzipFile, size: int, path: Path, what: str) -> bytearray:
    content = bytearray()
    while len(content) < size:
        part = file.read(min(size - len(content), _CHUNK_BYTES))
        if not part:
            raise DatasetError(f"{path}: {size} bytes of {what} were expected, got {len(content)}")
        content += part
    return content
