"""
Labelled images in IDX files: a pair of them, or a folder with the file names of MNIST.

Covered:      images and labels that belong together, training and test part.
Not covered:  the file format (`evaluation.idx`); downloading.
"""

import math
from pathlib import Path

import numpy as np

from evaluation.dataset import Dataset
from evaluation.errors import DatasetError
from evaluation.idx import Bytes, read_idx

MNIST_BEGINNINGS = ("train-images", "train-labels", "t10k-images", "t10k-labels")


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
    return Dataset.from_images(read_idx(images), read_idx(labels).astype(np.int64), str(images))


def load_idx_folder(folder: Path) -> tuple[Dataset, Dataset]:
    """
    Read the training and the test part from a folder with the file names of MNIST.

    Raises:
        DatasetError: If a file is missing (none of its spellings is there) or wrong.
    """
    train, test = _load_part(folder, "train"), load_idx_test(folder)
    if train.images.shape[1] != test.images.shape[1]:
        raise DatasetError(
            f"{folder}: training and test images must be of one size, "
            f"got {train.images.shape[1]} and {test.images.shape[1]} pixels"
        )
    return train, test


def load_idx_test(folder: Path) -> Dataset:
    """
    Read the test part alone.

    Raises:
        DatasetError: If a file is missing (none of its spellings is there) or wrong.
    """
    return _load_part(folder, "t10k")


def _load_part(folder: Path, part: str) -> Dataset:
    return load_idx_pair(_find(folder, part, "images", 3), _find(folder, part, "labels", 1))


def _find(folder: Path, part: str, content: str, dims: int) -> Path:
    # MNIST is published with a dash before "idx", and repackaged with a dot.
    stems = [f"{part}-{content}{sep}idx{dims}-ubyte" for sep in "-."]
    names = [stem + suffix for stem in stems for suffix in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DatasetError(f"{folder}: one of {', '.join(names)} was expected, none is there")
