import pytest

from evaluation.errors import DatasetError
from fff.weights import FeedForwardWeights, FFFWeights
from model_store.manifest import FFFManifest, TrainingOrigin
from model_store.store import Checkpoint, Store
from tests.training.conftest import TEST, TRAIN
from tests.training.toys import TOY
from training.errors import RecipeError
from training.loop import Epoch
from training.pair import Pair, train_pair
from training.recipe import Recipe

Toys = tuple[Pair, Store, list[Epoch]]


def origin(checkpoint: Checkpoint) -> TrainingOrigin:
    assert isinstance(checkpoint.manifest.origin, TrainingOrigin)
    return checkpoint.manifest.origin


def test_both_are_published_and_load_with_every_check(toy_pair: Toys) -> None:
    _, store, _ = toy_pair

    assert store.models() == ["toy", "toy-dense"]
    assert [store.load(name).kind for name in store.models()] == ["fff", "dense"]
    assert store.load("toy").manifest.baseline == "toy-dense"


def test_the_twin_is_as_wide_as_the_fff_in_training(toy_pair: Toys) -> None:
    pair, _, _ = toy_pair
    assert isinstance(pair.fff.weights, FFFWeights)
    assert isinstance(pair.dense.weights, FeedForwardWeights)

    width = pair.fff.weights.leaves * pair.fff.weights.leaf_width + pair.fff.weights.master_width
    assert pair.dense.weights.hidden_width == width == 4 * 3 + 2


def test_the_manifest_repeats_the_training(
    toy_pair: Toys, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Recipe and seed from the manifest, on the same data, give the same SHA-256."""
    pair, _, _ = toy_pair
    recorded = origin(pair.fff)
    again = train_pair(
        Recipe(**recorded.recipe),  # type: ignore[arg-type]
        TRAIN,
        TEST,
        Store(tmp_path_factory.mktemp("again")),
        "toy",
        recorded.seed,
        lambda epoch: None,
    )

    assert again.fff.manifest == pair.fff.manifest
    assert again.dense.manifest == pair.dense.manifest


def test_the_reference_leaves_hold_the_rows_that_were_fitted(toy_pair: Toys) -> None:
    manifest = toy_pair[0].fff.manifest
    assert isinstance(manifest, FFFManifest)
    assert manifest.reference_leaf_rows is not None

    assert [sum(layer) for layer in manifest.reference_leaf_rows] == [360]
    assert origin(toy_pair[0].fff).metrics["train_rows"] == 360


def test_the_published_accuracy_is_the_best_of_its_epochs(toy_pair: Toys) -> None:
    pair, _, epochs = toy_pair

    for checkpoint in (pair.fff, pair.dense):
        accuracies = [e.validation_accuracy for e in epochs if e.model == checkpoint.name]
        assert origin(checkpoint).metrics["validation_hard_accuracy"] == max(accuracies)


def test_an_fff_reports_hard_and_soft_accuracy_of_every_part(toy_pair: Toys) -> None:
    metrics = origin(toy_pair[0].fff).metrics

    for part in ("train", "validation", "test"):
        assert {f"{part}_hard_accuracy", f"{part}_soft_accuracy", f"{part}_rows"} <= metrics.keys()
    assert metrics["test_rows"] == len(TEST)


def test_raw_pixels_are_served_as_they_were_trained(toy_pair: Toys) -> None:
    for checkpoint in (toy_pair[0].fff, toy_pair[0].dense):
        assert checkpoint.manifest.uint8 == TOY.scaling


def test_training_again_adds_a_version(tmp_path_factory: pytest.TempPathFactory) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    recipe = TOY.override({"epochs": 1})
    pairs = [
        train_pair(recipe, TRAIN, TEST, store, "toy", seed, lambda epoch: None) for seed in (0, 1)
    ]

    assert [pair.fff.version for pair in pairs] == [1, 2]
    assert store.versions("toy-dense") == [1, 2]


@pytest.mark.parametrize("name", ["", "../toy", "t" * 59, "toy\n"])
def test_a_name_the_store_cannot_hold_is_refused_before_training(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))

    with pytest.raises(RecipeError, match="must match"):
        train_pair(TOY, TRAIN, TEST, store, name, 0, lambda epoch: pytest.fail("trained"))
    assert store.models() == []


def test_data_that_do_not_belong_together_are_refused(toy_pair: Toys) -> None:
    store = toy_pair[1]
    seen = TRAIN.labels < 3
    three = type(TRAIN)(TRAIN.images[seen], TRAIN.labels[seen], "three")
    narrow = type(TEST)(TEST.images[:, :3].copy(), TEST.labels, "narrow")

    with pytest.raises(DatasetError, match="training labels 0 to 2, got 3"):
        train_pair(TOY, three, TEST, store, "toy", 0, lambda epoch: None)
    with pytest.raises(DatasetError, match="narrow: images must have .* 4 pixels, got 3"):
        train_pair(TOY, TRAIN, narrow, store, "toy", 0, lambda epoch: None)
