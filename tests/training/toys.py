"""A problem small enough to train on in a blink: which quarter of a tiny image is bright."""

import numpy as np

from evaluation.datasets import Dataset
from training.recipe import Recipe

TOY = Recipe(
    name="toy",
    data="idx",
    depth=2,
    leaf_width=3,
    master_width=2,
    load_balance=1.0,
    region_leak=0.1,
    leaf_dropout=0.1,
    learning_rate=1e-2,
    batch_rows=32,
    epochs=4,
    patience=4,
)


def quarters(rows: int, seed: int) -> Dataset:
    """Images of 4 pixels, noise with one bright pixel, and its place."""
    random = np.random.RandomState(seed)
    labels = random.randint(4, size=rows)
    images = random.randint(160, size=(rows, 4))
    images[np.arange(rows), labels] += 90
    return Dataset(images.astype(np.uint8), labels.astype(np.int64), "quarters")
