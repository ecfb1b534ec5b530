"""Training a vision transformer and its rivals on the same images, and publishing them."""

from collections.abc import Sequence
from functools import partial

from evaluation.calibration import calibration
from evaluation.dataset import Dataset
from evaluation.errors import DatasetError
from evaluation.evaluate import CPU, accuracy, hard_logits, reference_leaf_rows
from evaluation.leaf_counts import LeafCounts
from model_store.manifest import TrainingOrigin
from model_store.store import Checkpoint, Store
from networks.backends import build_backend
from networks.weights import NetworkWeights
from training.errors import RecipeError
from training.loop import split
from training.material import first_rows
from training.models import check_names, names_of
from training.side_by_side import Progress
from training.vision.fit import Parts, fit_vision
from training.vision.recipe import VisionRecipe
from training.vision.rivals import rival

_REFERENCE_IMAGES = 10_000
"""Whose tokens are counted by leaf: half a million for each layer, and not a minute more."""


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
    seen = first_rows(fitted, len(validation))
    judged = {"train": seen, "validation": validation, "test": test}
    twin = f"{name}-dense"
    trained: dict[str, tuple[NetworkWeights, TrainingOrigin]] = {}
    for model, each in sorted(recipes.items(), key=lambda item: item[1].family != "dense"):
        shown = twin if twin in recipes else model
        fit = fit_vision(parts, each, seed, partial(progress, model), partial(progress, shown))
        weights = NetworkWeights.of(fit.network, image)
        origin = TrainingOrigin(
            recipe=each.fields(),
            seed=seed,
            data_sha256=train.sha256,
            test_sha256=test.sha256,
            metrics=fit.known | _metrics(weights, each, judged),
            seconds=fit.seconds,
        )
        trained[model] = weights, origin
    own, *others = recipes
    published = []
    for model in [*recipes][::-1]:
        weights, origin = trained[model]
        fields: dict[str, object] = {
            "origin": origin,
            "uint8": recipe.scaling,
            "baseline": others[0] if others and model == own else None,
        }
        if weights.layers:
            images = train.images[:_REFERENCE_IMAGES]
            fields["reference_leaf_rows"] = reference_leaf_rows(weights, recipe.scaling, images)
        published.append(store.publish(model, weights, **fields))
    return published[::-1]


def _image(recipe: VisionRecipe, train: Dataset, test: Dataset) -> tuple[int, int, int]:
    """Channels, height and width."""
    if train.image_shape is None or train.image_shape != test.image_shape:
        raise DatasetError(
            "training and test images must have one height and width, got "
            f"{train.image_shape or 'flat rows'} and {test.image_shape or 'flat rows'}"
        )
    height, width, *channels = train.image_shape
    if channels:
        raise DatasetError(
            f"{train.name}: grey images were expected (--grey), got {channels[0]} channels"
        )
    if height % recipe.patch or width % recipe.patch:
        raise RecipeError(
            f"patch must divide the images' height and width, {height} and {width}; "
            f"got {recipe.patch}"
        )
    return 1, height, width


def _metrics(
    weights: NetworkWeights, recipe: VisionRecipe, parts: dict[str, Dataset]
) -> dict[str, float]:
    """Accuracies as served, and leaves of all layers; of a part of the training images too."""
    backend = build_backend(weights, CPU)
    metrics: dict[str, float] = {}
    for part, data in parts.items():
        logits, leaf = hard_logits(backend, recipe.scaling, data.images)
        metrics[f"{part}_rows"] = float(len(data))
        metrics[f"{part}_hard_accuracy"] = accuracy(logits.argmax(1), data.labels)
        metrics[f"{part}_nll"] = calibration(logits, data.labels).nll
        if weights.layers:
            metrics[f"{part}_leaves_used"] = float(LeafCounts(weights, leaf).used)
    return metrics
