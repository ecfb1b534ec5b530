"""
Training a field's FFF and its rivals, and publishing them side by side.

All get the same rows and the same split. Nothing is published before all are trained, the FFF last,
so that none in the store ever names a baseline that is not there.
"""

from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np
import torch

from evaluation.rasters import grid_of
from evaluation.regression import computed, errors_of
from evaluation.samples import Samples
from fff.backends import build_backend
from fff.raster import RasterWeights
from fff.weights import FFFWeights, Weights
from model_store.manifest import TrainingOrigin
from model_store.store import Checkpoint, Store
from training.field.continuity import jumps
from training.field.fit import fit_field
from training.field.gradients import fit_rival
from training.field.recipe import FieldRecipe
from training.field.rivals import rival
from training.loop import repeatable, split
from training.models import check_names, names_of

Progress = Callable[[str, int, int], None]
"""Told of a model how much of how much is done."""
_MOST_JUMPS = 20_000
"""Borders looked at: enough for a mean, and most of 4,096 leaves' for the largest."""


def train_field(
    recipe: FieldRecipe,
    train: Samples,
    test: Samples,
    store: Store,
    name: str,
    seed: int,
    progress: Progress,
    baselines: Sequence[str] = ("dense",),
) -> list[Checkpoint]:
    """
    Train a recipe's network and its baselines, then publish them: the network itself comes first.

    Args:
        recipe: Of the FFF; of another family, it is trained alone unless baselines are named.
        train: Rows to learn from; a share of them is held out for validation.
        test: Rows for the metrics alone; they choose nothing.
        store: Where all are published.
        name: The FFF's name in the store; a baseline's is `<name>-<baseline>`.
        seed: Of the split and of each network's training.
        progress: Told of leaves, or of epochs.
        baselines: Names of `training.field.rivals.RIVALS`; the first is the FFF's in its manifest.

    Raises:
        RecipeError: If the names are none that a store can hold, or a baseline is unknown; before
            any training.
        Diverged: If a loss is no longer a number.
    """
    recipes = dict(
        zip(
            names_of(name, baselines), [recipe, *(rival(b, recipe) for b in baselines)], strict=True
        )
    )
    check_names(recipes)
    fitted, validation = split(train, recipe.validation_share, seed)
    parts = {"train": fitted, "validation": validation, "test": test}
    trained: dict[str, tuple[Weights, dict[str, float]]] = {}
    for model, its in recipes.items():
        with repeatable(seed):
            trained[model] = _train(its, parts, seed, model, progress)
    published = []
    for model in reversed(recipes):
        weights, metrics = trained[model]
        origin = TrainingOrigin(
            recipe=recipes[model].fields(),
            seed=seed,
            data_sha256=train.sha256,
            test_sha256=test.sha256,
            metrics=metrics | _metrics(weights, parts),
        )
        fields: dict[str, object] = {
            "origin": origin,
            "inputs": train.inputs and [*train.inputs],
            "targets": train.targets and [*train.targets],
            "baseline": f"{name}-{baselines[0]}" if baselines and model == name else None,
        }
        if isinstance(weights, FFFWeights):
            fields["reference_leaf_rows"] = _reference(weights, train)
        published.append(store.publish(model, weights, **fields))
    return published[::-1]


def _train(
    recipe: FieldRecipe, parts: dict[str, Samples], seed: int, model: str, progress: Progress
) -> tuple[Weights, dict[str, float]]:
    """A network, and what is known of its training alone."""
    fitted, validation = parts["train"], parts["validation"]
    start_s = perf_counter()

    def advance(done: int, total: int) -> None:
        progress(model, done, total)

    if recipe.family == "raster":
        return RasterWeights(torch.from_numpy(grid_of([*parts.values()]))), {}
    if recipe.family != "fff":
        weights = fit_rival(fitted, validation, recipe, advance)
        return weights, {"training_s": perf_counter() - start_s}
    trees = fit_field(fitted, validation, recipe, seed, advance)
    training_s = perf_counter() - start_s
    best = min(trees, key=lambda tree: tree.error)
    of_depths = {f"validation_error_at_depth_{t.weights.depth}": t.error for t in trees}
    found = jumps(best.weights, torch.from_numpy(parts["test"].x[:_MOST_JUMPS]))
    return best.weights, of_depths | {
        "training_s": training_s,
        "largest_jump": float(found.largest.max()),
        "mean_jump": float(found.mean.mean()),
    }


def _metrics(weights: Weights, parts: dict[str, Samples]) -> dict[str, float]:
    """Errors on each part of the data, means over the targets; of all families by one name."""
    backend = build_backend(weights, torch.device("cpu"))
    metrics: dict[str, float] = {}
    for part, samples in parts.items():
        values, leaf = computed(backend, samples.x)
        rmse, mae, r2 = errors_of(values, samples.y)
        metrics |= {
            f"{part}_rows": float(len(samples)),
            f"{part}_rmse": float(rmse.mean()),
            f"{part}_mae": float(mae.mean()),
            f"{part}_r2": float(r2.mean()),
        }
        if isinstance(weights, FFFWeights):
            metrics[f"{part}_leaves_used"] = float(len(np.unique(leaf)))
    return metrics


def _reference(weights: FFFWeights, train: Samples) -> list[list[int]]:
    """Rows per leaf of each routed layer, which routing drift is measured against."""
    _, leaf = computed(build_backend(weights, torch.device("cpu")), train.x)
    return [np.bincount(leaf[:, 0], minlength=weights.leaves).tolist()]
