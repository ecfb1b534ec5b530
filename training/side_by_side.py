"""
Training networks on samples, and publishing them side by side.

All get the same rows and the same split. Nothing is published before all are trained, the first
one last, so that none in the store ever names a baseline that is not there.

Covered:      values and classes; figures by which every family is measured.
Not covered:  images (`training.models`); how a network is trained (`training.field`,
              `training.table`).
"""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TypeVar

import numpy as np
import torch

from evaluation.calibration import calibration
from evaluation.evaluate import accuracy
from evaluation.regression import computed, errors_of
from evaluation.samples import Samples
from fff.weights import FFFWeights, Weights
from model_store.manifest import TrainingOrigin
from model_store.store import Checkpoint, Store
from networks.backends import build_backend
from training.loop import repeatable, split
from training.models import check_names
from training.overriding import Overridable

Progress = Callable[[str, int, int], None]
"""Told of a model how much of how much is done."""
Parts = dict[str, Samples]
"""`train` (fitted), `validation` and `test`; the last is for metrics alone."""
R = TypeVar("R", bound=Overridable)
Train = Callable[[str, R, Parts], tuple[Weights, dict[str, float]]]
"""Makes the network of a name and a recipe, and tells what is known of its training alone."""


def train_side_by_side(
    recipes: Mapping[str, R],
    train: Samples,
    test: Samples,
    validation_share: float,
    store: Store,
    seed: int,
    fit: Train[R],
) -> list[Checkpoint]:
    """
    Train a network for each recipe, then publish them.

    Args:
        recipes: By the model's name: first the network itself, then its baselines, the first of
            which its manifest names.
        train: Rows to learn from; a share of them is held out for validation.
        test: Rows for the metrics alone; they choose nothing.
        validation_share: That share, 0 to 1.
        store: Where all are published.
        seed: Of the split and of each network's training.
        fit: Trains one.

    Returns:
        What was published, in the order of the recipes.

    Raises:
        RecipeError: If the names are none that a store can hold; before any training.
        DatasetError: If there are too few rows.
        Diverged: If a loss is no longer a number.
    """
    check_names(recipes)
    fitted, validation = split(train, validation_share, seed)
    parts = {"train": fitted, "validation": validation, "test": test}
    trained: dict[str, tuple[Weights, dict[str, float]]] = {}
    seconds: dict[str, float] = {}
    for model, recipe in recipes.items():
        start_s = perf_counter()
        with repeatable(seed):
            trained[model] = fit(model, recipe, parts)
        seconds[model] = perf_counter() - start_s
    own, *others = recipes
    published = []
    for model in [*recipes][::-1]:
        weights, metrics = trained[model]
        origin = TrainingOrigin(
            recipe=recipes[model].fields(),
            seed=seed,
            data_sha256=train.sha256,
            test_sha256=test.sha256,
            metrics=metrics | _metrics(weights, parts),
            seconds=seconds[model],
        )
        fields: dict[str, object] = {
            "origin": origin,
            "inputs": train.inputs and [*train.inputs],
            "targets": train.targets and [*train.targets],
            "classes": train.classes and [*train.classes],
            "class_column": train.class_column,
            "baseline": others[0] if others and model == own else None,
        }
        if isinstance(weights, FFFWeights):
            fields["reference_leaf_rows"] = _reference(weights, train)
        published.append(store.publish(model, weights, **fields))
    return published[::-1]


def _metrics(weights: Weights, parts: Parts) -> dict[str, float]:
    """Figures on each part of the data; of all families by the same names."""
    backend = build_backend(weights, torch.device("cpu"))
    metrics: dict[str, float] = {}
    for part, samples in parts.items():
        outputs, leaf = computed(backend, samples.x)
        metrics[f"{part}_rows"] = float(len(samples))
        if samples.task == "regression":  # means over the targets
            found = zip(("rmse", "mae", "r2"), errors_of(outputs, samples.y), strict=True)
            metrics |= {f"{part}_{name}": float(error.mean()) for name, error in found}
        else:
            metrics[f"{part}_hard_accuracy"] = accuracy(outputs.argmax(1), samples.labels)
            metrics[f"{part}_nll"] = calibration(outputs, samples.labels).nll
        if isinstance(weights, FFFWeights):
            counts = np.bincount(leaf[:, 0], minlength=weights.leaves)
            metrics[f"{part}_leaves_used"] = float((counts > 0).sum())
            metrics[f"{part}_largest_share"] = float(counts.max() / len(samples))
    return metrics


def _reference(weights: FFFWeights, train: Samples) -> list[list[int]]:
    """Rows per leaf of each routed layer, which routing drift is measured against."""
    _, leaf = computed(build_backend(weights, torch.device("cpu")), train.x)
    return [np.bincount(leaf[:, 0], minlength=weights.leaves).tolist()]
