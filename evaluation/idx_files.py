"""
Labelled images in IDX files: a pair of them, or a folder with the file names of MNIST.

    FOLDER/train-images-idx3-ubyte, …           with a dash or a dot, plain or .gz
    FOLDER/raw/train-images-idx3-ubyte, …       as torchvision lays them down

Covered:      images and labels that belong together, training and test part.
Not covered:  the file format (`evaluation.idx`); downloading.
"""

import math
from pathlib import Path

import numpy as np

from evaluation.class_folders import entries, some
from evaluation.dataset import Dataset
from evaluation.errors import DatasetError
from evaluation.idx import Bytes, read_idx

MNIST_BEGINNINGS = ("train-images", "train-labels", "t10k-images", "t10k-labels")


def find_idx_folder(path: Path) -> Path | None:
    """
    Find the files of MNIST's names: in a folder itself, or in one of the folders in it.

    Returns:
        The folder that they lie in; None where there are none.

    Raises:
        DatasetError: If several folders in it have them, or it cannot be read.
    """
    there = entries(path)
    if any(each.name.startswith(MNIST_BEGINNINGS) for each in there):
        return path
    within = [each for each in there if each.is_dir() and _holds_images(each)]
    if len(within) > 1:
        raise DatasetError(
            f"{path}: one data set was expected, {some([each.name for each in within])} each have "
            "IDX files with MNIST's names; give one of these folders"
        )
    return within[0] if within else None


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
    names = _spellings(part, content, dims)
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DatasetError(f"{folder}: one of {', '.join(names)} was expected, none is there")


def _holds_images(folder: Path) -> bool:
    names = [*_spellings("train", "images", 3), *_spellings("t10k", "images", 3)]
    return any((folder / name).is_file() for name in names)


def _spellings(part: str, content: str, dims: int) -> list[str]:
    # MNIST is published with a dash before "idx", and repackaged with a dot.
    stems = [f"{part}-{content}{sep}idx{dims}-ubyte" for sep in "-."]
    return [stem + suffix for stem in stems for suffix in ("", ".gz")]
