"""
Labelled images as bytes: folders and pairs of IDX files, and scikit-learn's digits.

Covered:      images and labels that belong together, split into training and test data.
Not covered:  the file format (`evaluation.idx`); downloading. Nothing here scales a pixel: a
              recipe does.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evaluation.errors import DatasetError
from evaluation.idx import Bytes, read_idx, write_idx
from fff.extras import needs_extra

Labels = npt.NDArray[np.int64]

DIGITS_TEST_ROWS = 360  # a fifth of the 1797


@dataclass(frozen=True, slots=True)
class Dataset:
    """
    Images with their classes.

    Attributes:
        images: Raw pixels, `[n, i]`, uint8.
        labels: Classes, `[n]`, int64, `>= 0`.
        name: For messages: a file name, or the name of the collection.
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
        what = "the data set digits, which comes with scikit-learn,"
        raise DatasetError(needs_extra(what, "train")) from exc
    bunch = load_digits()
    order = np.random.RandomState(0).permutation(len(bunch.target))
    images, labels = bunch.data.astype(np.uint8)[order], bunch.target.astype(np.int64)[order]
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


def _find(folder: Path, part: str, content: str, dims: int) -> Path:
    # MNIST is published with a dash before "idx", and repackaged with a dot.
    stems = [f"{part}-{content}{sep}idx{dims}-ubyte" for sep in "-."]
    names = [stem + suffix for stem in stems for suffix in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DatasetError(f"{folder}: one of {', '.join(names)} was expected, none is there")
