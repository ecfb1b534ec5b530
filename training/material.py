"""What the networks of a run learn from: split, views, coordinates, teacher; made once for all."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from evaluation.dataset import Dataset
from evaluation.errors import DatasetError
from model_store.store import Checkpoint, Store
from training.batches import Batches
from training.cache import Kept
from training.coordinates import Coordinates, check_width, principal_coordinates
from training.loop import Task, repeatable, split
from training.recipe import Recipe
from training.teacher import Advance, stored_teacher, train_teacher

COORDINATE_ROWS = 20_000  # enough to know the directions of an image's pixels by

COMMON_FIELDS = (
    "uint8_scale",
    "uint8_shift",
    "validation_share",
    "shift_pixels",
    "warp",
    "components",
    "teacher",
)
"""What of a recipe decides its material."""


@dataclass(frozen=True, slots=True)
class Material:
    """
    Everything that the networks of one run have in common.

    Attributes:
        parts: `train` (fitted), `validation` and `test`; the last is for metrics alone.
        rows: The fitted rows as networks see them.
        coordinates: That `rows` are in; None for scaled pixels.
        classes: `o`.
        source: What decided all this, apart from the recipe: seed, and the SHA-256 of the data.
    """

    parts: dict[str, Dataset]
    rows: Batches
    coordinates: Coordinates | None
    classes: int
    source: dict[str, str | int]

    def task(self, model: str) -> Task:
        """What a network of this name has to learn."""
        validation = self.parts["validation"]
        fitted = first_rows(self.parts["train"], len(validation))
        return Task(model, self.rows, self.coordinates, fitted, validation, self.classes)


def prepare(
    recipe: Recipe, train: Dataset, test: Dataset, store: Store, seed: int, advance: Advance
) -> Material:
    """
    Split the rows, find coordinates, find or train a teacher, and make the views ready.

    Args:
        recipe: Scaling, shifts, coordinates, teacher.
        train: Images and classes to learn from; a share of them is held out for validation.
        test: Images and classes that choose nothing.
        store: Where a teacher is looked up by name.
        seed: Of the split, and of the teacher's training.
        advance: Told of the teacher's epochs, if it must be trained.

    Raises:
        DatasetError: If training and test data do not belong together, or images are too large
            for principal coordinates.
        StoreError: If the teacher is not in the store.
        EvaluationError: If the teacher is none for these images.
    """
    classes = _classes(train, test)
    fitted, validation = split(train, recipe.validation_share, seed)
    source: dict[str, str | int] = {"seed": seed, "data_sha256": train.sha256}
    with repeatable(seed):
        coordinates = coordinates_of(recipe, fitted)
    teacher = None
    if recipe.teacher == "mlp":
        facts = source | {name: recipe.fields()[name] for name in COMMON_FIELDS}
        with repeatable(seed):
            teacher = train_teacher(
                lambda: Batches(fitted, recipe, coordinates),
                fitted.images.shape[1] if coordinates is None else coordinates.width,
                classes,
                coordinates,
                recipe.scaling,
                Kept.of("teacher", facts),
                advance,
            )
    elif recipe.teacher != "none":
        checkpoint = store.load(recipe.teacher)
        teacher = stored_teacher(checkpoint, fitted, classes)
        source["teacher_sha256"] = _sha256(checkpoint)
    with repeatable(seed):  # anew: views must not depend on whether a teacher had to be trained
        rows = Batches(fitted, recipe, coordinates, teacher)
    parts = {"train": fitted, "validation": validation, "test": test}
    return Material(parts, rows, coordinates, classes, source)


def coordinates_of(recipe: Recipe, fitted: Dataset) -> Coordinates | None:
    """
    Find the principal coordinates that a recipe asks for; None where it takes scaled pixels.

    Raises:
        DatasetError: If images are too large for them.
    """
    if recipe.components == 0:
        return None
    check_width(fitted.name, fitted.images.shape[1])
    x = torch.from_numpy(recipe.scaling.decode(fitted.images[:COORDINATE_ROWS]))
    return principal_coordinates(x, recipe.components)


def first_rows(data: Dataset, most: int) -> Dataset:
    """The first rows, no more than that; of fitted ones, which lie in a drawn order, a sample."""
    return data.take(np.arange(min(most, len(data))), data.name)


def _sha256(checkpoint: Checkpoint) -> str:
    """Of all that decides what it teaches: weights, by their hash; activation, scaling, …"""
    return hashlib.sha256(checkpoint.manifest.model_dump_json().encode()).hexdigest()


def _classes(train: Dataset, test: Dataset) -> int:
    if train.images.shape[1] != test.images.shape[1]:
        raise DatasetError(
            f"{test.name}: images must have the training images' {train.images.shape[1]} pixels, "
            f"got {test.images.shape[1]}"
        )
    classes: int = int(train.labels.max()) + 1
    if test.labels.max() >= classes:
        raise DatasetError(
            f"{test.name}: labels must be among the training labels 0 to {classes - 1}, "
            f"got {test.labels.max()}"
        )
    return classes
