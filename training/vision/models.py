"""Training a vision transformer and its rivals on the same images, and publishing them."""

from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np

from evaluation.dataset import Dataset
from evaluation.errors import DatasetError
from evaluation.evaluate import CPU, accuracy, hard_logits
from model_store.manifest import TrainingOrigin
from model_store.store import Checkpoint, Store
from networks.backends import build_backend
from networks.weights import NetworkWeights
from training.errors import RecipeError
from training.loop import split
from training.models import check_names, names_of
from training.vision.fit import Parts, fit_vision
from training.vision.recipe import VisionRecipe
from training.vision.rivals import rival

Progress = Callable[[str, int, int], None]
"""Told of a model how much of how much is done."""


def train_vision(
    recipe: VisionRecipe,
    train: Dataset,
    test: Dataset,
    store: Store,
    name: str,
    seed: int,
    progress: Progress,
    baselines: Sequence[str] = ("dense",),
) -> list[Checkpoint]:
    """
    Train a recipe's network and its baselines, then publish them: the network itself comes first.

    Nothing is published before all are trained, the first one last, so that none in the store ever
    names a baseline that is not there.

    Args:
        recipe: Of the network.
        train: Images and classes to learn from; a share of them is held out for validation.
        test: Images and classes for the metrics alone; they choose nothing.
        store: Where all are published.
        name: The network's name in the store; a baseline's is `<name>-<baseline>`.
        seed: Of the split and of each network's training.
        progress: Told of steps; those of a twin that has to be trained go by the twin's name.
        baselines: Names of `training.vision.rivals.RIVALS`; the first is named in the manifest.

    Raises:
        RecipeError: If the names are none that a store can hold, a baseline is unknown, or patches
            do not fill the images; before any training.
        DatasetError: If images have no shape, or training and test images do not belong together.
        Diverged: If a loss is no longer a number.
    """
    its = [recipe, *(rival(baseline, recipe) for baseline in baselines)]
    recipes = dict(zip(names_of(name, baselines), its, strict=True))
    check_names(recipes)
    image, classes = _image(recipe, train, test), int(train.labels.max()) + 1
    fitted, validation = split(train, recipe.validation_share, seed)
    parts = Parts(fitted, validation, image, classes, train.sha256)
    judged = {"train": fitted, "validation": validation, "test": test}
    twin = f"{name}-dense"
    trained: dict[str, tuple[NetworkWeights, TrainingOrigin]] = {}
    for model, each in recipes.items():
        start_s = perf_counter()
        network, known = fit_vision(
            parts,
            each,
            seed,
            lambda done, total, model=model: progress(model, done, total),
            lambda done, total: progress(twin, done, total),
        )
        seconds = perf_counter() - start_s
        weights = NetworkWeights.of(network, image)
        origin = TrainingOrigin(
            recipe=each.fields(),
            seed=seed,
            data_sha256=train.sha256,
            test_sha256=test.sha256,
            metrics=known | _metrics(weights, each, judged),
            seconds=seconds,
        )
        trained[model] = weights, origin
    own, *others = recipes
    published = []
    for model in [*recipes][::-1]:
        weights, origin = trained[model]
        fields: dict[str, object] = {
            "origin": origin,
            "uint8": recipe.scaling,
            "classes": train.class_names and [*train.class_names],
            "baseline": others[0] if others and model == own else None,
        }
        if weights.layers:
            fields["reference_leaf_rows"] = _reference(weights, recipe, train)
        published.append(store.publish(model, weights, **fields))
    return published[::-1]
