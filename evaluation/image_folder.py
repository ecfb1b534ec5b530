"""
Images in folders named by their class, decoded into one array.

All are of one size, and grey or with colours: as the first training image has it, unless the caller
asks for a form. Grey images among ones with colours lose nothing and are taken; colours among grey
ones are refused.

Covered:      decoding, within bounds; what does not fit, by name.
Not covered:  which files there are and their classes (`evaluation.class_folders`).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluation.class_folders import Listing, list_images
from evaluation.dataset import Dataset, Pixels
from evaluation.errors import DatasetError
from evaluation.image_decoding import decode, fit
from evaluation.progress import Progress, no_progress, part

MOST_FILE_BYTES = 1 << 28
"""Of an image: as many pixels as Pillow opens, without compression."""
MOST_BYTES = 1 << 32
"""Of all images decoded: 5 million of MNIST, 28,000 of 224x224 with colours."""
_TOLD_EVERY = 256  # images, between two calls of `progress`


@dataclass(frozen=True, slots=True)
class ImageForm:
    """
    What images are brought to.

    Attributes:
        size: Width and height, to which each is padded and averaged; None if all have one size.
        grey: Whether colours are turned to grey.
    """

    size: tuple[int, int] | None = None
    grey: bool = False


AS_IT_IS = ImageForm()


def load_image_folder(
    folder: Path, form: ImageForm = AS_IT_IS, progress: Progress = no_progress
) -> tuple[Dataset, Dataset]:
    """
    Read the training and the test part; `progress` is told of images.

    Raises:
        DatasetError: Naming the file or the folder, and what was expected of it.
    """
    train, test = list_images(folder)
    if train is None:
        raise DatasetError(f"{folder}: a folder train was expected beside test, there is none")
    first = train.files[0]
    return (
        _decoded(train, first, form, part(progress, 0, 2)),
        _decoded(test, first, form, part(progress, 1, 2)),
    )


def load_image_test(
    folder: Path, form: ImageForm = AS_IT_IS, progress: Progress = no_progress
) -> Dataset:
    """
    Read the test part alone; it may also be all there is.

    Raises:
        DatasetError: Naming the file or the folder, and what was expected of it.
    """
    train, test = list_images(folder)
    return _decoded(test, (train or test).files[0], form, progress)


def _decoded(listing: Listing, first: Path, form: ImageForm, progress: Progress) -> Dataset:
    """Decode images, all to the shape of the first one."""
    shape = _read(first, form).shape
    size = len(listing.files) * int(np.prod(shape))
    if size > MOST_BYTES:
        raise DatasetError(
            f"{listing.name}: images of at most {MOST_BYTES:,} bytes in all were expected, got "
            f"{size:,}: {len(listing.files)} of {_size(shape)}; make them smaller (--image-size)"
        )
    images = np.empty((len(listing.files), *shape), np.uint8)
    for row, file in enumerate(listing.files):
        if row % _TOLD_EVERY == 0:
            progress(row, len(listing.files))
        images[row] = _as(shape, file, first, form)
    rows = images.reshape(len(images), -1)
    return Dataset(rows, listing.labels, listing.name, shape, listing.classes)


def _as(shape: tuple[int, ...], file: Path, first: Path, form: ImageForm) -> Pixels:
    pixels = _read(file, form)
    if pixels.shape[:2] != shape[:2]:
        raise DatasetError(
            f"{file}: an image of {_size(shape)} was expected, as {first} is; got "
            f"{_size(pixels.shape)}; --image-size brings all to one size"
        )
    if pixels.ndim > len(shape):
        raise DatasetError(
            f"{file}: a grey image was expected, as {first} is; it has colours; "
            "--grey turns all to grey"
        )
    return pixels if pixels.ndim == len(shape) else pixels[:, :, None]


def _read(file: Path, form: ImageForm) -> Pixels:
    try:
        if (size := file.stat().st_size) > MOST_FILE_BYTES:
            raise DatasetError(f"at most {MOST_FILE_BYTES:,} bytes are read, there are {size:,}")
        pixels = decode(file.read_bytes(), True if form.grey else None).pixels
        return pixels if form.size is None else fit(pixels, form.size[1], form.size[0])
    except OSError as exc:
        raise DatasetError(f"{file}: cannot be read: {exc.strerror or exc}") from exc
    except DatasetError as exc:
        raise DatasetError(f"{file}: {exc}") from exc


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
