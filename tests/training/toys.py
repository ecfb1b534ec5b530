"""A problem small enough to train on in a blink: which quarter of a tiny image is bright."""

from typing import NamedTuple

import numpy as np

from evaluation.dataset import Dataset
from model_store.store import Checkpoint, Store
from training.batches import Batches
from training.epoch import Epoch
from training.loop import Fit, Task, fit, split
from training.material import coordinates_of, first_rows
from training.recipe import Recipe

TOY = Recipe(
    name="toy",
    data="images",
    depth=2,
    leaf_width=3,
    master_width=2,
    hidden_width=14,
    rank=2,
    experts=4,
    hardening=3.0,
    load_balance=1.0,
    region_leak=0.1,
    leaf_dropout=0.1,
    learning_rate=1e-2,
    batch_rows=32,
    epochs=4,
    patience=4,
)
OURS = TOY.override(
    {
        "activation": "gelu",
        "gate": "path_violation",
        "final_temperature": 0.05,
        "competing_share": 0.35,
        "frozen_share": 0.25,
        "load_balance": 0.1,
        "hardening": 0,
        "region_leak": 0,
        "leaf_dropout": 0,
        "schedule": "one_cycle",
        "epochs": 12,
        "patience": 12,
        "shift_pixels": 1,
        "components": 3,
        "teacher": "mlp",
        "teacher_weight": 0.7,
    }
)
"""The toy as our recipe would train it."""


class ToyPair(NamedTuple):
    """What was published, where, and the epochs reported on the way."""

    fff: Checkpoint
    dense: Checkpoint
    store: Store
    epochs: list[Epoch]


def quarters(rows: int, seed: int) -> Dataset:
    """Images of 2 x 2 pixels, noise with one bright pixel, and its place."""
    random = np.random.RandomState(seed)
    labels = random.randint(4, size=rows)
    images = random.randint(160, size=(rows, 4))
    images[np.arange(rows), labels] += 90
    return Dataset(images.astype(np.uint8), labels.astype(np.int64), "quarters", (2, 2))


def task_of(data: Dataset, recipe: Recipe, seed: int, name: str = "toy") -> Task:
    """What a network of this recipe has to learn of the data, without a teacher."""
    fitted, validation = split(data, recipe.validation_share, seed)
    coordinates = coordinates_of(recipe, fitted)
    rows, sample = Batches(fitted, recipe, coordinates), first_rows(fitted, len(validation))
    return Task(name, rows, coordinates, sample, validation, 4)


def trained(data: Dataset, recipe: Recipe, seed: int) -> Fit:
    return fit(task_of(data, recipe, seed), recipe, seed, lambda epoch: None)
