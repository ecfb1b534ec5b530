"""
What labelled images are, wherever they came from: rows of bytes with a class each.

Covered:      images and labels that belong together; what else is known of them; their SHA-256.
Not covered:  where they come from (`evaluation.datasets`). Nothing here scales a pixel: a recipe
              does.
"""

import hashlib
import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from evaluation.errors import DatasetError

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)  # no slots: the hash is kept once it is computed
class Dataset:
    """
    Images with their classes.

    Attributes:
        images: Raw pixels, `[n, i]`, uint8.
        labels: Classes, `[n]`, int64, `>= 0`.
        name: For messages: a file name, or the name of the collection.
        image_shape: Of one image, `(height, width)` or `(height, width, channels)`, whose product
            is `i`; None where the source has flat rows.
        class_names: Of class 0, 1, …, as the folders are named; None where classes have no names.
    """

    images: Pixels
    labels: Labels
    name: str
    image_shape: tuple[int, ...] | None = None
    class_names: tuple[str, ...] | None = None

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
        self._check_facts()

    def _check_facts(self) -> None:
        if self.image_shape is not None and math.prod(self.image_shape) != self.images.shape[1]:
            raise DatasetError(
                f"{self.name}: images must be {list(self.image_shape)}, "
                f"got {self.images.shape[1]} pixels"
            )
        if self.class_names is not None and self.labels.max() >= len(self.class_names):
            raise DatasetError(
                f"{self.name}: labels must be 0 to {len(self.class_names) - 1}, one for each "
                f"class name; got {self.labels.max()}"
            )

    def __len__(self) -> int:
        return len(self.images)

    @classmethod
    def from_images(cls, images: Pixels, labels: Labels, name: str) -> Self:
        """
        Make one of images of any shape, `[n, …]`; flat rows, `[n, i]`, have no shape of an image.

        Raises:
            DatasetError: If images and labels do not belong together, or there are none.
        """
        if images.ndim < 2:
            raise DatasetError(
                f"{name}: images must have at least 2 dimensions, got {list(images.shape)}"
            )
        shape = images.shape[1:]
        rows = images.reshape(len(images), math.prod(shape))
        return cls(rows, labels, name, shape if len(shape) > 1 else None)

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_], name: str) -> Self:
        """Some of the rows, by number or by mask, with what else is known of them."""
        return replace(self, images=self.images[rows], labels=self.labels[rows], name=name)

    @cached_property
    def sha256(self) -> str:
        """
        Of shape, pixels and labels, in the order of the rows; names do not count.

        The same rows give the same hash whatever they were read from, if the shape is known.
        """
        shape = [len(self), *(self.image_shape or self.images.shape[1:])]
        digest = hashlib.sha256(repr(shape).encode())
        digest.update(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels, "<i8").data)
        return digest.hexdigest()
