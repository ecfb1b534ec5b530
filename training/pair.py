"""
The pair: an FFF and its dense twin, trained alike and published side by side.

The twin has the FFF's training width, `2**d * l + m` hidden neurons, and gets the same rows,
split, epochs, patience, batches and optimiser: what one would serve without an FFF.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluation.datasets import Dataset
from evaluation.errors import DatasetError
from evaluation.evaluate import CPU, accuracy, hard_pass, reference_leaf_rows, soft_classes
from fff.backends import build_backend
from fff.weights import FFFWeights
from model_store.manifest import NAME_PATTERN, TrainingOrigin
from model_store.store import Checkpoint, Store
from training.errors import RecipeError
from training.loop import Fit, Progress, Task, fit, split
from training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Pair:
    """The two checkpoints that were published; `fff` names `dense` as its baseline."""

    fff: Checkpoint
    dense: Checkpoint


def train_pair(
    recipe: Recipe,
    train: Dataset,
    test: Dataset,
    store: Store,
    name: str,
    seed: int,
    progress: Progress,
) -> Pair:
    """
    Train both networks, then publish `<name>-dense` and `<name>`.

    Nothing is published before both are trained. The twin comes first, so that no FFF in the
    store ever names a baseline that is not there.

    Args:
        recipe: Of the FFF; the twin has its training width, optimiser, epochs and patience.
        train: Images and classes to learn from; a share of them is held out for validation.
        test: Images and classes for the metrics alone; they choose nothing.
        store: Where both are published.
        name: The FFF's name in the store; the twin's is `<name>-dense`.
        seed: Of the split and of each network's training.
        progress: Called after every epoch of either network.

    Raises:
        RecipeError: If the names are none that a store can hold; before any training.
        DatasetError: If training and test data do not belong together.
        Diverged: If a loss is no longer a number.
    """
    twin = f"{name}-dense"
    if not re.fullmatch(NAME_PATTERN, twin):
        raise RecipeError(f"the name and its twin must match {NAME_PATTERN}, got {twin!r}")
    classes = _classes(train, test)
    fitted, validation = split(train, recipe.validation_share, seed)
    parts = {"train": fitted, "validation": validation, "test": test}
    fff = fit(Task(name, "fff", fitted, validation, classes), recipe, seed, progress)
    dense = fit(Task(twin, "dense", fitted, validation, classes), recipe, seed, progress)

    def publish(model: str, result: Fit, **manifest_fields: object) -> Checkpoint:
        origin = TrainingOrigin(
            recipe=recipe.fields(), seed=seed, metrics=_metrics(result, recipe, parts)
        )
        manifest_fields |= {"origin": origin, "uint8": recipe.scaling}
        return store.publish(model, result.weights, **manifest_fields)

    published_twin = publish(twin, dense)
    leaf_rows = reference_leaf_rows(fff.weights, recipe.scaling, fitted.images)
    return Pair(publish(name, fff, baseline=twin, reference_leaf_rows=leaf_rows), published_twin)


def _classes(train: Dataset, test: Dataset) -> int:
    if train.images.shape[1] != test.images.shape[1]:
        raise DatasetError(
            f"{test.name}: images must have the training images' {train.images.shape[1]} pixels, "
            f"got {test.images.shape[1]}"
        )
    classes = int(train.labels.max()) + 1
    if test.labels.max() >= classes:
        raise DatasetError(
            f"{test.name}: labels must be among the training labels 0 to {classes - 1}, "
            f"got {test.labels.max()}"
        )
    return classes


def _metrics(result: Fit, recipe: Recipe, parts: Mapping[str, Dataset]) -> dict[str, float]:
    """Accuracies on each part of the data; the same names for both kinds, so that they compare."""
    weights, metrics = result.weights, {}
    for part, data in parts.items():
        classes, leaf = hard_pass(build_backend(weights, CPU), recipe.scaling, data.images)
        hard = soft = accuracy(classes, data.labels)
        if isinstance(weights, FFFWeights):
            soft = accuracy(soft_classes(weights, recipe.scaling, data.images), data.labels)
            metrics[f"{part}_leaves_used"] = float(len(np.unique(leaf)))
        metrics |= {
            f"{part}_rows": float(len(data)),
            f"{part}_hard_accuracy": hard,
            f"{part}_soft_accuracy": soft,
        }
    return metrics | {
        "epochs": float(result.epochs),
        "best_epoch": float(result.best.number),
        "hardening": result.best.hardening,
    }
