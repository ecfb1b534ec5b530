"""
Labelled images in NumPy's files: an archive as data sets come, or a file each.

    x_train, y_train, x_test, y_test                                    Keras
    train_images, train_labels, test_images, test_labels, and val_…     MedMNIST
    images, labels                                                      one part, divided here

Covered:      uint8 images of any shape, whole numbers as labels, `[n]` or `[n, 1]`. Validation rows
              are training data, since training holds out its own.
Not covered:  the file format (`evaluation.numpy_file`).
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from evaluation.dataset import Dataset, Labels, Pixels
from evaluation.errors import DatasetError
from evaluation.held_out import held_out
from evaluation.numpy_file import ZIP, Archive, Array, open_npz, read_npy_file

Names = tuple[str, str]
"""Of the images and of their labels."""
_PARTS: tuple[tuple[Names, Names], ...] = (  # training and test part
    (("x_train", "y_train"), ("x_test", "y_test")),
    (("train_images", "train_labels"), ("test_images", "test_labels")),
)
_VALIDATION: Names = ("val_images", "val_labels")
_WHOLE: Names = ("images", "labels")
NAMES = (
    "x_train, y_train, x_test, y_test; train_images, train_labels, test_images, test_labels; or "
    "images, labels"
)

MOST_CLASSES = 1 << 16
"""Three times those of ImageNet-21k; larger numbers are names of something, not classes."""


def load_npz(path: Path) -> tuple[Dataset, Dataset]:
    """
    Read the training and the test part of an archive.

    Raises:
        DatasetError: Naming the array that is missing, or is not what it should be.
    """
    with open_npz(path) as archive:
        names = archive.names
        for train, test in _PARTS:
            if {*train, *test} & {*names}:
                fitted = _part(path, archive, train)
                if {*_VALIDATION} & {*names}:
                    fitted = _joined(fitted, _part(path, archive, _VALIDATION), path)
                return fitted, _same_images(_part(path, archive, test), fitted)
        return _divided(_part(path, archive, _WHOLE))


def load_npz_test(path: Path) -> Dataset:
    """
    Read the test part alone; it may also be all there is.

    Raises:
        DatasetError: As `load_npz`.
    """
    with open_npz(path) as archive:
        for train, test in _PARTS:
            if {*train, *test} & {*archive.names}:
                return _part(path, archive, test)
        return _divided(_part(path, archive, _WHOLE))[1]


def holds_labels(path: Path) -> bool:
    """
    Whether an archive has an array that is named as labels of images are.

    Raises:
        DatasetError: It is none, or cannot be read.
    """
    parts = [*(names for both in _PARTS for names in both), _VALIDATION, _WHOLE]
    with open_npz(path) as archive:
        return bool({labels for _, labels in parts} & {*archive.names})


def load_images(path: Path) -> Pixels:
    """
    Read images alone, `[n, …]`, from an `.npy` file or an archive of one array or `images`.

    Raises:
        DatasetError: They are no uint8 pixels.
    """
    return _images(_one_array(path, "images"), str(path))


def load_labels(path: Path) -> Labels:
    """
    Read labels alone, `[n]`, from an `.npy` file or an archive of one array or `labels`.

    Raises:
        DatasetError: They are no whole numbers from 0, one for each image.
    """
    return _labels(_one_array(path, "labels"), str(path))


def _one_array(path: Path, usual: str) -> Array:
    if not _is_archive(path):
        return read_npy_file(path)
    with open_npz(path) as archive:
        names = archive.names
        if len(names) != 1 and usual not in names:
            raise DatasetError(
                f"{path}: one array, or one named {usual}, was expected, it holds {_listed(names)}"
            )
        return _read(path, archive, usual if usual in names else names[0])


def _is_archive(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(ZIP)) == ZIP
    except OSError as exc:
        raise DatasetError(f"{path}: cannot be read: {exc.strerror or exc}") from exc


def _read(path: Path, archive: Archive, name: str) -> Array:
    try:
        return archive.read(name)
    except DatasetError as exc:
        raise DatasetError(f"{path}, {_shown(name)}: {exc}") from exc


def _part(path: Path, archive: Archive, names: Names) -> Dataset:
    missing = [name for name in names if name not in archive.names]
    if missing:
        raise DatasetError(
            f"{path}: arrays named {NAMES} were expected, {', '.join(missing)} is missing; "
            f"it holds {_listed(archive.names)}"
        )
    of_images, of_labels = (f"{path}, {name}" for name in names)
    images = _images(_read(path, archive, names[0]), of_images)
    labels = _labels(_read(path, archive, names[1]), of_labels)
    return Dataset.from_images(images, labels, of_images)


def _images(array: Array, source: str) -> Pixels:
    if array.dtype != np.uint8 or array.ndim < 2 or 0 in array.shape:
        raise DatasetError(
            f"{source}: images [n, …] of uint8 pixels were expected, "
            f"got {array.dtype} {list(array.shape)}"
        )
    return array


def _labels(array: Array, source: str) -> Labels:
    if array.dtype.kind not in "iu" or not (array.ndim == 1 or array.shape[1:] == (1,)):
        raise DatasetError(
            f"{source}: one whole number an image, [n] or [n, 1], was expected, "
            f"got {array.dtype} {list(array.shape)}"
        )
    if array.size and (array.min() < 0 or array.max() >= MOST_CLASSES):
        raise DatasetError(
            f"{source}: classes counted from 0, at most {MOST_CLASSES:,} of them, were expected, "
            f"got {array.min()} to {array.max()}"
        )
    return array.reshape(-1).astype(np.int64)


def _divided(data: Dataset) -> tuple[Dataset, Dataset]:
    chosen = held_out(data.labels, data.name)
    return data.take(~chosen, data.name), data.take(chosen, f"{data.name}, held out")


def _joined(train: Dataset, validation: Dataset, path: Path) -> Dataset:
    _same_images(validation, train)
    images = np.concatenate([train.images, validation.images])
    labels = np.concatenate([train.labels, validation.labels])
    name = f"{path}, training and validation"
    return replace(train, images=images, labels=labels, name=name)


def _same_images(data: Dataset, train: Dataset) -> Dataset:
    expected, found = (each.image_shape or each.images.shape[1:] for each in (train, data))
    if expected != found:
        raise DatasetError(
            f"{data.name}: images of {list(expected)} were expected, as the training images are; "
            f"got {list(found)}"
        )
    return data


def _listed(names: list[str]) -> str:
    return ", ".join(map(_shown, names)) or "none"


def _shown(name: str) -> str:
    return name if name.isprintable() else ascii(name)
