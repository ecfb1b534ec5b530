"""
The rows that a network sees in training: shifted images, in training's coordinates.

An image is seen in one of its views, drawn anew each time: itself, and itself shifted by up to
`shift_pixels` in both directions; or, where the recipe warps, in one of many warped copies. What
moves in at a border is a pixel of 0, as around a digit. Views are made ready once where memory
allows, else batch by batch.
"""

from collections.abc import Callable
from dataclasses import dataclass

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
        self._ready = self._all_views(READY_BYTES // (4 * len(data) * self.width))

    def __len__(self) -> int:
        return len(self._labels)

    def take(self, rows: Tensor) -> Batch:
        """Fetch rows by number, `[n]`, each in a view drawn by torch's generator."""
        if self._ready is None:
            x, taught = self._seen(self._pixels(rows, self._drawn(rows, len(self._moves))))
        else:
            view = self._drawn(rows, len(self._ready))
            x, taught = self._ready.take(view, rows)
        return Batch(x, self._labels[rows], taught)

    def _all_views(self, most: int) -> "_Views | None":
        """Every view of every row if there is room; warped, as many as there is room for."""
        if most < (LEAST_WARPED if self._warp else len(self._moves)):
            return None
        views = min(most, MOST_WARPED) if self._warp else len(self._moves)
        x, taught = torch.empty(views * len(self), self.width), []
        for view in range(views):
            for rows in torch.split(torch.arange(len(self)), _CHUNK_ROWS):
                moves = len(self._moves)
                move = self._drawn(rows, moves) if self._warp else torch.full_like(rows, view)
                x[view * len(self) + rows], of_teacher = self._seen(self._pixels(rows, move))
                taught.append(of_teacher)
        return _Views(len(self), x, _joined(taught))

    def _drawn(self, rows: Tensor, choices: int) -> Tensor:
        return torch.zeros_like(rows) if choices == 1 else torch.randint(choices, rows.shape)

    def _seen(self, pixels: Pixels) -> tuple[Tensor, Tensor | None]:
        """What network and teacher make of raw pixels, `[n, i]`."""
        x = torch.from_numpy(self._scaling.decode(pixels))  # [n, i]
        taught = None if self._teacher is None else self._teacher(pixels)
        return x if self._coordinates is None else self._coordinates.of(x), taught

    def _pixels(self, rows: Tensor, move: Tensor) -> Pixels:
        moved = self._padded[rows].gather(1, self._moves[move])  # [n, i], uint8
        if self._warp:
            moved = warp(moved.view(-1, *self._shape), self._warp, self._white).flatten(1)
        pixels: Pixels = moved.numpy()
        return pixels


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

    def __len__(self) -> int:
        return len(self.x) // self.rows

    def take(self, view: Tensor, row: Tensor) -> tuple[Tensor, Tensor | None]:
        place = view * self.rows + row
        return self.x[place], None if self.taught is None else self.taught[place]


def _joined(parts: list[Tensor | None]) -> Tensor | None:
    there = [part for part in parts if part is not None]
    return torch.cat(there) if there else None


def _padded(data: Dataset, shift: int) -> tuple[Tensor, Tensor]:
    """Images in a margin of zeros, `[n, padded]`; where each view's pixels lie, `[views, i]`."""
    images = torch.from_numpy(data.images)
    if shift == 0:
        return images, torch.arange(images.shape[1])[None]
    height, width, channels = shape_of(data)
    margin = (0, 0, shift, shift, shift, shift)
    padded = F.pad(images.view(-1, height, width, channels), margin)
    places = torch.arange(padded[0].numel()).view(padded.shape[1:])
    moves = [
        places[down : down + height, right : right + width].flatten()
        for down in range(2 * shift + 1)
        for right in range(2 * shift + 1)
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
