"""
Folders of images as data sets come: which files there are, and the class of each.

    PATH/train/CLASS/*.png and PATH/test/CLASS/*.png        two parts
    PATH/CLASS/*.png                                        one, of which a fifth is the test part

Classes are numbered by the order of their names; names that are all whole numbers by these. What
lies in train decides, so that a test part may lack a class. A folder val beside train and test is
training data too, since training holds out its own; val instead of test is refused: it would
be test data that has chosen something.

Covered:      the layout, hidden files, links, what is in the wrong place.
Not covered:  what is in the files (`evaluation.image_folder`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evaluation.dataset import Labels
from evaluation.errors import DatasetError
from evaluation.held_out import held_out

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"),
    *(".pgm", ".ppm"),
)
TRAIN, TEST = "train", "test"
VALIDATION = ("val", "valid", "validation")
_LEFT_BY_SYSTEMS = ("thumbs.db", "desktop.ini", "__macosx")
LAYOUT = "train/CLASS/*.png and test/CLASS/*.png, or CLASS/*.png"


@dataclass(frozen=True, slots=True)
class Listing:
    """
    The images of one part.

    Attributes:
        classes: Names of the classes, in the order of their numbers.
        files: `n` images, class by class, by name within each.
        labels: Their classes, `[n]`, int64.
        name: For messages.
    """

    classes: tuple[str, ...]
    files: tuple[Path, ...]
    labels: Labels
    name: str


def entries(folder: Path) -> list[Path]:
    """
    List what is in a folder, by name, without what is hidden or left there by a system.

    Raises:
        DatasetError: The folder cannot be read.
    """
    try:
        there = sorted(folder.iterdir(), key=lambda each: each.name)
    except OSError as exc:
        raise DatasetError(f"{folder}: cannot be read: {exc.strerror or exc}") from exc
    seen = [e for e in there if e.name[0] != "." and e.name.lower() not in _LEFT_BY_SYSTEMS]
    for each in seen:
        if not each.exists():
            raise DatasetError(f"{each}: a file or a folder was expected, it is a link to nothing")
        if not each.name.isprintable():  # not in UTF-8, or made to hide what is there
            raise DatasetError(
                f"{folder}: names that can be printed were expected, got {each.name!a}"
            )
    return seen


def some(names: Sequence[str]) -> str:
    """Name the first five, for a message."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def list_images(folder: Path) -> tuple[Listing | None, Listing]:
    """
    List the training part, None where there is a test part alone, and the test part.

    Raises:
        DatasetError: Naming what is not as the layouts above have it.
    """
    parts = [each.name for each in _subfolders(folder) if _is_part(each)]
    if not parts:
        return _divided(_complete(_listed(folder, _class_names(folder))))
    others = [each.name for each in _subfolders(folder) if each.name not in parts]
    if others:
        raise DatasetError(
            f"{folder}: {LAYOUT} was expected, got {some(others)} beside {some(parts)}"
        )
    if TEST not in parts:
        raise DatasetError(f"{folder}: {_without_test(parts)}")
    if TRAIN not in parts and len(parts) > 1:
        raise DatasetError(f"{folder}: a folder train was expected beside {some(parts)}")
    classes = _class_names(folder / (TRAIN if TRAIN in parts else TEST))
    fitted = [_listed(folder / part, classes) for part in sorted(parts) if part != TEST]
    train = _complete(_joined(fitted)) if fitted else None
    return train, _listed(folder / TEST, classes)


def _without_test(parts: list[str]) -> str:
    validation = [part for part in parts if part != TRAIN]
    if validation:
        return (
            f"a folder test was expected, got {some(parts)}: training holds out its own "
            f"validation images, and {validation[0]} is not test data; rename it to test if no "
            "choice was made by it"
        )
    return (
        "a folder test was expected beside train; give train itself as the folder, and a fifth of "
        "it is held out as test data"
    )


def _is_part(folder: Path) -> bool:
    """Whether it is named like one and has classes: a class of images may be named train."""
    return folder.name in (TRAIN, TEST, *VALIDATION) and bool(_subfolders(folder))


def _class_names(folder: Path) -> tuple[str, ...]:
    names = [each.name for each in _subfolders(folder)]
    if all(re.fullmatch("[0-9]+", name) for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def _listed(folder: Path, classes: tuple[str, ...]) -> Listing:
    """List what is in a folder of classes, all of which are to be among `classes`."""
    misplaced = [each.name for each in entries(folder) if _is_image(each)]
    if misplaced:
        raise DatasetError(
            f"{folder}: images lie in folders named by their class, got {some(misplaced)} "
            "beside them"
        )
    unknown = [each.name for each in _subfolders(folder) if each.name not in classes]
    if unknown:
        raise DatasetError(
            f"{folder}: the classes {some(classes)} of the training images were expected, "
            f"got {some(unknown)}"
        )
    files = [_images(folder / name) if (folder / name).is_dir() else () for name in classes]
    if not any(files):
        raise DatasetError(f"{folder}: at least one image was expected, there is none")
    labels = np.repeat(np.arange(len(classes)), [len(each) for each in files])
    return Listing(classes, tuple(file for each in files for file in each), labels, str(folder))


def _images(folder: Path) -> tuple[Path, ...]:
    """List the files of a class: images, and nothing else that is not hidden."""
    files = entries(folder)
    for file in files:
        if file.is_dir():
            raise DatasetError(f"{file}: an image was expected, it is a folder; expected {LAYOUT}")
        if not _is_image(file):
            raise DatasetError(
                f"{file}: an image was expected, a regular file named *{', *'.join(SUFFIXES)}"
            )
    return tuple(files)


def _complete(listing: Listing) -> Listing:
    """Refuse images to train on that are all of one class, or none of another."""
    if len(listing.classes) < 2:
        raise DatasetError(
            f"{listing.name}: at least 2 folders of classes were expected, got "
            f"{some(listing.classes)}; expected {LAYOUT}"
        )
    rows = np.bincount(listing.labels, minlength=len(listing.classes))
    empty = [name for name, n in zip(listing.classes, rows, strict=True) if not n]
    if empty:
        raise DatasetError(
            f"{listing.name}: at least one image of each class was expected, got none of "
            f"{some(empty)}"
        )
    return listing


def _divided(listing: Listing) -> tuple[Listing, Listing]:
    chosen = held_out(listing.labels, listing.name, listing.classes)
    return _rows_of(listing, ~chosen), _rows_of(listing, chosen)


def _rows_of(listing: Listing, chosen: npt.NDArray[np.bool_]) -> Listing:
    files = tuple(listing.files[row] for row in np.flatnonzero(chosen))
    return Listing(listing.classes, files, listing.labels[chosen], listing.name)


def _joined(parts: list[Listing]) -> Listing:
    """Put parts together in the order given: train comes before val by its name."""
    files = tuple(file for part in parts for file in part.files)
    labels = np.concatenate([part.labels for part in parts])
    return Listing(parts[0].classes, files, labels, " and ".join(part.name for part in parts))


def _subfolders(folder: Path) -> list[Path]:
    return [each for each in entries(folder) if each.is_dir()]


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and file.is_file()
