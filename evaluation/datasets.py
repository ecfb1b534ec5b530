"""
Labelled images from where people have them: what a path is, and scikit-learn's digits.

Covered:      a folder with MNIST's IDX files, a folder of images, an `.npz` archive; training and
              test part, or the test part alone; images and labels in a file each.
Not covered:  how each is read (`evaluation.idx_files`, `evaluation.image_folder`,
              `evaluation.array_files`); downloading. Nothing here scales a pixel: a recipe does.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from evaluation import array_files, idx_files, image_folder
from evaluation.class_folders import LAYOUT, entries, some
from evaluation.dataset import Dataset as Dataset
from evaluation.dataset import Labels as Labels
from evaluation.dataset import Pixels
from evaluation.errors import DatasetError
from evaluation.idx import read_idx, write_idx
from evaluation.idx_files import load_idx_folder as load_idx_folder
from evaluation.idx_files import load_idx_images as load_idx_images
from evaluation.idx_files import load_idx_pair as load_idx_pair
from evaluation.image_folder import AS_IT_IS, ImageForm
from evaluation.numpy_file import NPY, ZIP
from evaluation.progress import Progress, no_progress
from fff.extras import needs_extra

DIGITS_TEST_ROWS = 360  # a fifth of the 1797

Kind = Literal["idx", "images", "npz"]
FORMS = (
    "a folder with MNIST's IDX files (train-images-idx3-ubyte, …), "
    f"a folder of images ({LAYOUT}) or an .npz file ({array_files.NAMES})"
)


def kind_of(path: Path) -> Kind:
    """
    Tell what data a path holds, by looking at it: a folder by its names, a file by its content.

    Raises:
        DatasetError: Naming the forms there are, and what was found.
    """
    if not path.exists():
        raise DatasetError(f"{path}: {FORMS} was expected, there is nothing of this name")
    if not path.is_dir():
        if _beginning(path).startswith(ZIP):
            return "npz"
        raise DatasetError(f"{path}: {FORMS} was expected, got {_file(path)}")
    if idx_files.find_idx_folder(path) is not None:
        return "idx"
    there = entries(path)
    if any(each.is_dir() for each in there):
        return "images"
    found = some([each.name for each in there]) or "nothing"
    raise DatasetError(f"{path}: {FORMS} was expected, the folder holds {found}")


def load_data(
    path: Path, form: ImageForm = AS_IT_IS, progress: Progress = no_progress
) -> tuple[Dataset, Dataset]:
    """
    Read the training and the test part of a path, whatever it is.

    Args:
        path: A folder or an archive, as `FORMS` says.
        form: What the images of a folder are brought to.
        progress: Told how many images of a folder are read.

    Raises:
        DatasetError: It is none of the forms, or not what it should be.
    """
    train, test = _load(path, form, progress)
    if train.labels.min() == train.labels.max():
        raise DatasetError(
            f"{path}: training images of at least 2 classes were expected, "
            f"all are of class {train.labels[0]}"
        )
    return train, test


def load_test(path: Path, form: ImageForm = AS_IT_IS, progress: Progress = no_progress) -> Dataset:
    """
    Read the test part alone, which may also be all there is; the rows that `load_data` gives.

    Raises:
        DatasetError: As `load_data`.
    """
    kind = _kind(path, form)
    if kind == "images":
        return image_folder.load_image_test(path, form, progress)
    if kind == "npz":
        return array_files.load_npz_test(path)
    return idx_files.load_idx_test(_idx_folder(path))


def load_images(images: Path) -> Pixels:
    """
    Read images, `[n, pixels]`, from a file: IDX, `.npy` or `.npz`, told by its content.

    Raises:
        DatasetError: If the file is not what it should be.
    """
    if not _is_numpy(images):
        return load_idx_images(images)
    pixels = array_files.load_images(images)
    return pixels.reshape(len(pixels), -1)


def load_pair(images: Path, labels: Path) -> Dataset:
    """
    Read images and their labels from a file each: IDX, `.npy` or `.npz`, told by its content.

    Raises:
        DatasetError: If a file is not what it should be, or they do not belong together.
    """
    pixels = array_files.load_images(images) if _is_numpy(images) else read_idx(images)
    if _is_numpy(labels):
        return Dataset.from_images(pixels, array_files.load_labels(labels), str(images))
    return Dataset.from_images(pixels, read_idx(labels).astype(np.int64), str(images))


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
        Dataset(images[:cut], labels[:cut], "digits (training)", (8, 8)),
        Dataset(images[cut:], labels[cut:], "digits (test)", (8, 8)),
    )


def load(
    source: str,
    path: Path | None,
    form: ImageForm = AS_IT_IS,
    progress: Progress = no_progress,
) -> tuple[Dataset, Dataset]:
    """
    Training and test data of a recipe's `data` field; the rest as `load_data` has it.

    Raises:
        DatasetError: If a path is given where none is read, or the other way round.
    """
    if source == "digits":
        if path is not None or form != AS_IT_IS:
            raise DatasetError(
                "the digits come with scikit-learn as they are and no folder is read, "
                f"got {path or '--image-size or --grey'}; for images of your own set data=images"
            )
        return digits()
    if path is None:
        raise DatasetError(f"{FORMS} must be given, got none")
    return load_data(path, form, progress)


def write_digits_sample(folder: Path) -> None:
    """Write the digits' test part as IDX files: what load tests and the README send."""
    _, test = digits()
    write_idx(folder / "digits-images.idx3-ubyte.gz", test.images.reshape(-1, 8, 8))
    write_idx(folder / "digits-labels.idx1-ubyte.gz", test.labels.astype(np.uint8))


def _load(path: Path, form: ImageForm, progress: Progress) -> tuple[Dataset, Dataset]:
    kind = _kind(path, form)
    if kind == "images":
        return image_folder.load_image_folder(path, form, progress)
    return array_files.load_npz(path) if kind == "npz" else load_idx_folder(_idx_folder(path))


def _kind(path: Path, form: ImageForm) -> Kind:
    kind = kind_of(path)
    if kind != "images" and form != AS_IT_IS:
        raise DatasetError(
            f"{path}: a size and grey (--image-size, --grey) are for a folder of images, "
            f"got {'an .npz file' if kind == 'npz' else 'IDX files'}"
        )
    return kind


def _idx_folder(path: Path) -> Path:
    return idx_files.find_idx_folder(path) or path


def _file(path: Path) -> str:
    """Say what a file is that is no data set."""
    beginning = _beginning(path)
    if beginning.startswith(NPY):
        return "an .npy file, which has no labels"
    if path.name.startswith(idx_files.MNIST_BEGINNINGS):
        return "one IDX file; give the folder it lies in"
    return f"a file that begins with {beginning!r}"


def _is_numpy(path: Path) -> bool:
    return path.is_file() and _beginning(path).startswith((NPY, ZIP))


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(NPY))
    except OSError as exc:
        raise DatasetError(f"{path}: cannot be read: {exc.strerror or exc}") from exc
