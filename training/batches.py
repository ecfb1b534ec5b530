"""
The rows that a network sees in training: shifted images, in training's coordinates.

An image is seen in one of its views, drawn anew each time, which are numbered from the image
itself to those farthest from it: all its shifts by up to `shift_pixels` in both directions; or,
where the recipe warps, copies that are shifted and warped ever more. How far views go is said
with every batch. What moves in at a border is a pixel of 0, as around a digit. Views are made
ready once where memory allows, else batch by batch.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from evaluation.dataset import Dataset, Pixels
from evaluation.errors import DatasetError
from training.coordinates import Coordinates
from training.recipe import Recipe
from training.warp import warp

Teacher = Callable[[Pixels], Tensor]
"""Raw pixels, `[n, i]` uint8, to what is made of each row, `[n, …]` float32."""

READY_BYTES = 1 << 30
"""Views that take more memory are made anew for each batch, at half of training's speed or less."""
LEAST_WARPED, MOST_WARPED = 8, 64
"""Warped copies of each image: of fewer, warping would teach little; more are no better."""
_CHUNK_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Batch:
    """
    Rows of one step.

    Attributes:
        x: `[n, k]`, float32, in training's coordinates.
        labels: `[n]`, int64.
        taught: The teacher's logits, `[n, o]`; None without a teacher.
    """

    x: Tensor
    labels: Tensor
    taught: Tensor | None


class Batches:
    """
    The fitted rows of a task.

    Args:
        data: Images and classes to learn from.
        recipe: Scaling, shifts.
        coordinates: That training takes place in; None for the scaled pixels.
        teacher: Its logits for raw pixels, `[n, i]` uint8, which are each view's own.

    Raises:
        DatasetError: If images are to be shifted whose height and width are not known.
    """

    def __init__(
        self,
        data: Dataset,
        recipe: Recipe,
        coordinates: Coordinates | None,
        teacher: Teacher | None = None,
    ):
        self._labels = torch.from_numpy(data.labels)
        self._scaling, self._coordinates, self._teacher = recipe.scaling, coordinates, teacher
        self._padded, self._moves = _padded(data, recipe.shift_pixels)
        self._warp, self._white = recipe.warp, float(data.images.max())
        self._shape = shape_of(data) if recipe.warp else (0, 0, 0)
        self.width = data.images.shape[1] if coordinates is None else coordinates.width
        room = READY_BYTES // (4 * len(data) * self.width)
        least, most = (LEAST_WARPED, MOST_WARPED) if recipe.warp else 2 * (len(self._moves),)
        self._views = min(room, most) if room >= least else most
        self._ready = self._all_views() if room >= least else None

    def __len__(self) -> int:
        return len(self._labels)

    def take(self, rows: Tensor, reach: float = 1.0) -> Batch:
        """
        Fetch rows, each in a view drawn by torch's generator.

        Args:
            rows: Their numbers, `[n]`.
            reach: How far views go, from 0, images as they are, to 1, all that the recipe has.
        """
        within = max(1, math.ceil(reach * self._views))
        view = torch.zeros_like(rows) if within == 1 else torch.randint(within, rows.shape)
        if self._ready is None:
            x, taught = self._seen(self._pixels(rows, view))
        else:
            x, taught = self._ready.take(view, rows)
        return Batch(x, self._labels[rows], taught)

    def _all_views(self) -> "_Views":
        """Every view of every row."""
        x, taught = torch.empty(self._views * len(self), self.width), []
        for view in range(self._views):
            for rows in torch.split(torch.arange(len(self)), _CHUNK_ROWS):
                pixels = self._pixels(rows, torch.full_like(rows, view))
                x[view * len(self) + rows], of_teacher = self._seen(pixels)
                taught.append(of_teacher)
        return _Views(len(self), x, _joined(taught))

    def _seen(self, pixels: Pixels) -> tuple[Tensor, Tensor | None]:
        """What network and teacher make of raw pixels, `[n, i]`."""
        x = torch.from_numpy(self._scaling.decode(pixels))  # [n, i]
        taught = None if self._teacher is None else self._teacher(pixels)
        return x if self._coordinates is None else self._coordinates.of(x), taught

    def _pixels(self, rows: Tensor, view: Tensor) -> Pixels:
        """Raw pixels of rows in the views of these numbers, `[n]`."""
        if not self._warp:
            return self._moved(rows, view)
        part = view / (self._views - 1)  # [n], of the way to the farthest
        move = (torch.rand(view.shape) * (part * len(self._moves)).ceil()).long()
        images = torch.from_numpy(self._moved(rows, move)).view(-1, *self._shape)
        warped: Pixels = warp(images, self._warp * part, self._white).flatten(1).numpy()
        return warped

    def _moved(self, rows: Tensor, move: Tensor) -> Pixels:
        moved: Pixels = self._padded[rows].gather(1, self._moves[move]).numpy()  # [n, i], uint8
        return moved


@dataclass(frozen=True, slots=True)
class _Views:
    """
    Every view of every row, the first view's rows first.

    Attributes:
        rows: Of one view, `n`.
        x: `[views * n, k]`.
        taught: `[views * n, o]`.
    """

    rows: int
    x: Tensor
    taught: Tensor | None

    def take(self, view: Tensor, row: Tensor) -> tuple[Tensor, Tensor | None]:
        place = view * self.rows + row
        return self.x[place], None if self.taught is None else self.taught[place]


def _joined(parts: list[Tensor | None]) -> Tensor | None:
    there = [part for part in parts if part is not None]
    return torch.cat(there) if there else None


def _padded(data: Dataset, shift: int) -> tuple[Tensor, Tensor]:
    """Images in a margin of zeros, `[n, padded]`; where each shift's pixels lie, `[shifts, i]`."""
    images = torch.from_numpy(data.images)
    if shift == 0:
        return images, torch.arange(images.shape[1])[None]
    height, width, channels = shape_of(data)
    margin = (0, 0, shift, shift, shift, shift)
    padded = F.pad(images.view(-1, height, width, channels), margin)
    places = torch.arange(padded[0].numel()).view(padded.shape[1:])
    steps = range(-shift, shift + 1)
    nearest_first = sorted(product(steps, steps), key=lambda step: math.hypot(*step))
    moves = [
        places[shift + down :, shift + right :][:height, :width].flatten()
        for down, right in nearest_first
    ]
    return padded.flatten(1), torch.stack(moves)


def shape_of(data: Dataset) -> tuple[int, int, int]:
    """Height, width and channels."""
    if data.image_shape is None:
        raise DatasetError(
            f"{data.name}: to shift or warp images their height and width must be known, "
            f"got rows of {data.images.shape[1]} pixels; set shift_pixels=0 and warp=0"
        )
    height, width, channels = (*data.image_shape, 1)[:3]
    return height, width, channels
