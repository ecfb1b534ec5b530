"""
Training an FFF and whoever it is compared with, and publishing them side by side.

All get the same rows, split, views, coordinates, teacher, epochs, batches and optimiser. Nothing
is published before all are trained; the FFF comes last, so that none in the store ever names a
baseline that is not there.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.dataset import Dataset
from evaluation.evaluate import CPU, accuracy, hard_pass, reference_leaf_rows
from evaluation.soft import soft_classes
from fff.weights import FFFWeights
from model_store.manifest import NAME_PATTERN, TrainingOrigin
from model_store.store import Checkpoint, Store
from networks.backends import build_backend
from training.cache import Kept
from training.contenders import contender
from training.epoch import Epoch, Progress
from training.errors import RecipeError
from training.interruption import Interruption
from training.loop import Fit, fit
from training.material import Material, prepare
from training.recipe import Recipe
from training.teacher import Advance

TWIN = "dense"
"""The contender that an FFF's manifest names as its baseline."""


@dataclass(frozen=True, slots=True)
class Trained:
    """
    A network that has been trained and is not yet published.

    Attributes:
        name: Of the model.
        recipe: Its own.
        fit: What came of it.
        run: Its place on disk, to be deleted once it is published.
    """

    name: str
    recipe: Recipe
    fit: Fit
    run: Interruption


def train_models(
    recipe: Recipe,
    train: Dataset,
    test: Dataset,
    store: Store,
    name: str,
    seed: int,
    progress: Progress,
    baselines: Sequence[str] = (TWIN,),
    advance: Advance = lambda done, total: None,
    runs: list[Interruption] | None = None,
) -> list[Checkpoint]:
    """
    Train a recipe's network and its baselines, then publish them: the network itself comes first.

    Args:
        recipe: Of the FFF. Of another family, it is trained alone unless baselines are named.
        train: Images and classes to learn from; a share of them is held out for validation.
        test: Images and classes for the metrics alone; they choose nothing.
        store: Where all are published, and where a teacher is looked up.
        name: The FFF's name in the store; a baseline's is `<name>-<baseline>`.
        seed: Of the split and of each network's training.
        progress: Called after every epoch of any network.
        baselines: Names of `training.contenders.CONTENDERS`.
        advance: Told of the epochs of a teacher that has to be trained.
        runs: Gets the place on disk of each run, for a caller with more to train to delete
            when that is published too; None to delete them as soon as these networks are.

    Raises:
        RecipeError: If the names are none that a store can hold, or a baseline is unknown; before
            any training.
        DatasetError: If training and test data do not belong together.
        Diverged: If a loss is no longer a number.
    """
    inputs, classes = train.images.shape[1], int(train.labels.max()) + 1
    others = [contender(each, recipe, inputs, classes) for each in baselines]
    recipes = dict(zip(names_of(name, baselines), [recipe, *others], strict=True))
    check_names(recipes)
    material = prepare(recipe, train, test, store, seed, advance)
    trained = [train_network(material, each, its, seed, progress) for each, its in recipes.items()]
    twin = f"{name}-{TWIN}" if TWIN in baselines else None
    published = [publish(material, each, seed, store) for each in trained[1:]]
    published.insert(0, publish(material, trained[0], seed, store, twin))
    if runs is None:
        for each in trained:
            each.run.forget()
    else:
        runs += [each.run for each in trained]
    return published


def names_of(name: str, baselines: Sequence[str]) -> list[str]:
    """Names in a store: that of the FFF, then those of its baselines."""
    return [name, *(f"{name}-{baseline}" for baseline in baselines)]


def check_names(names: Iterable[str]) -> None:
    """
    Refuse names that no store can hold.

    Raises:
        RecipeError: The first of them.
    """
    for name in names:
        if not re.fullmatch(NAME_PATTERN, name):
            raise RecipeError(f"names in a store must match {NAME_PATTERN}, got {name!r}")


def train_network(
    material: Material, name: str, recipe: Recipe, seed: int, progress: Progress
) -> Trained:
    """Train one network, or go on where its training was interrupted or finished."""
    run = Interruption(Kept.of("run", material.source | recipe.fields() | {"seed": seed}))
    return Trained(name, recipe, fit(material.task(name), recipe, seed, progress, run), run)


def publish(
    material: Material, trained: Trained, seed: int, store: Store, baseline: str | None = None
) -> Checkpoint:
    """Publish a network with everything that repeats it, and what it reaches."""
    recipe, weights = trained.recipe, trained.fit.weights
    origin = TrainingOrigin(
        recipe=recipe.fields(),
        seed=seed,
        data_sha256=str(material.source["data_sha256"]),
        test_sha256=material.parts["test"].sha256,
        metrics=_metrics(trained.fit, recipe, material.parts),
        curve=_curve(trained.fit.epochs),
    )
    fields: dict[str, object] = {"origin": origin, "uint8": recipe.scaling, "baseline": baseline}
    if isinstance(weights, FFFWeights):
        images = material.parts["train"].images
        fields["reference_leaf_rows"] = reference_leaf_rows(weights, recipe.scaling, images)
    return store.publish(trained.name, weights, **fields)


def _metrics(result: Fit, recipe: Recipe, parts: dict[str, Dataset]) -> dict[str, float]:
    """Accuracies on each part of the data; of all families by the same names."""
    weights, metrics = result.weights, {}
    for part, data in parts.items():
        classes, leaf = hard_pass(build_backend(weights, CPU), recipe.scaling, data.images)
        hard = soft = accuracy(classes, data.labels)
        if isinstance(weights, FFFWeights):
            soft = accuracy(soft_classes(weights, recipe.scaling, data.images), data.labels)
            counts = np.bincount(leaf[:, 0], minlength=weights.leaves)
            metrics[f"{part}_leaves_used"] = float((counts > 0).sum())
            metrics[f"{part}_largest_share"] = float(counts.max() / len(data))
        metrics |= {
            f"{part}_rows": float(len(data)),
            f"{part}_hard_accuracy": hard,
            f"{part}_soft_accuracy": soft,
        }
    return metrics | {
        "epochs": float(len(result.epochs)),
        "best_epoch": float(result.best.number),
        "hardening": result.best.hardening,
        "logit_temperature": result.temperature,
    }


def _curve(epochs: Sequence[Epoch]) -> dict[str, list[float]]:
    """To as many digits as a picture shows."""
    return {
        "loss": [round(epoch.loss, 4) for epoch in epochs],
        "hardening": [round(epoch.hardening, 4) for epoch in epochs],
        "regularisation": [round(epoch.regularisation, 4) for epoch in epochs],
        "fitted_accuracy": [round(epoch.fitted_accuracy, 5) for epoch in epochs],
        "validation_accuracy": [round(epoch.validation_accuracy, 5) for epoch in epochs],
    }
