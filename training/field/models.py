"""Training a field's FFF and its rivals, side by side."""

from collections.abc import Sequence

import torch

from evaluation.errors import DatasetError
from evaluation.rasters import grid_of
from evaluation.samples import Samples
from fff.raster import RasterWeights
from fff.weights import Weights
from model_store.store import Checkpoint, Store
from training.field.continuity import jumps
from training.field.fit import fit_field
from training.field.gradients import fit_rival
from training.field.recipe import FieldRecipe
from training.field.rivals import rival
from training.models import names_of
from training.side_by_side import Parts, Progress, train_side_by_side

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
        DatasetError: If the samples are of classes.
        Diverged: If a loss is no longer a number.
    """
    if train.task != "regression":
        raise DatasetError(
            f"{train.name}: a field's target must be a number, got classes; train the recipe table"
        )
    its = [recipe, *(rival(baseline, recipe) for baseline in baselines)]
    recipes = dict(zip(names_of(name, baselines), its, strict=True))

    def fit(model: str, its: FieldRecipe, parts: Parts) -> tuple[Weights, dict[str, float]]:
        return _train(its, parts, seed, model, progress)

    return train_side_by_side(recipes, train, test, recipe.validation_share, store, seed, fit)


def _train(
    recipe: FieldRecipe, parts: Parts, seed: int, model: str, progress: Progress
) -> tuple[Weights, dict[str, float]]:
    """A network, and what is known of its training alone."""
    fitted, validation = parts["train"], parts["validation"]

    def advance(done: int, total: int) -> None:
        progress(model, done, total)

    if recipe.family == "raster":
        return RasterWeights(torch.from_numpy(grid_of([*parts.values()]))), {}
    if recipe.family != "fff":
        return fit_rival(fitted, validation, recipe, advance), {}
    trees = fit_field(fitted, validation, recipe, seed, advance)
    best = min(trees, key=lambda tree: tree.error)
    of_depths = {f"validation_error_at_depth_{t.weights.depth}": t.error for t in trees}
    found = jumps(best.weights, torch.from_numpy(parts["test"].x[:_MOST_JUMPS]))
    return best.weights, of_depths | {
        "largest_jump": float(found.largest.max()),
        "mean_jump": float(found.mean.mean()),
    }
