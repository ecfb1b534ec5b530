from pathlib import Path

import pytest

from evaluation.errors import DatasetError
from evaluation.evaluate import CPU, hard_pass
from fff.weights import FeedForwardWeights, FFFWeights
from model_store.manifest import FFFManifest, TrainingOrigin
from model_store.store import Checkpoint, Store
from networks.backends import build_backend
from tests.training.conftest import TEST, TRAIN
from tests.training.toys import OURS, TOY, ToyPair, quarters
from training.contenders import CONTENDERS
from training.errors import RecipeError
from training.models import train_models
from training.recipe import Recipe


def origin(checkpoint: Checkpoint) -> TrainingOrigin:
    assert isinstance(checkpoint.manifest.origin, TrainingOrigin)
    return checkpoint.manifest.origin


def test_both_are_published_and_load_with_every_check(toy_pair: ToyPair) -> None:
    store = toy_pair.store

    assert store.models() == ["toy", "toy-dense"]
    assert [store.load(name).kind for name in store.models()] == ["fff", "dense"]
    assert store.load("toy").manifest.baseline == "toy-dense"


def test_the_twin_is_as_wide_as_the_fff_in_training(toy_pair: ToyPair) -> None:
    pair = toy_pair
    assert isinstance(pair.fff.weights, FFFWeights)
    assert isinstance(pair.dense.weights, FeedForwardWeights)

    width = pair.fff.weights.leaves * pair.fff.weights.leaf_width + pair.fff.weights.master_width
    assert pair.dense.weights.hidden_width == width == 4 * 3 + 2


def test_the_manifest_repeats_the_training(
    toy_pair: ToyPair, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Recipe and seed from the manifest, on the same data, give the same SHA-256."""
    pair = toy_pair
    recorded = origin(pair.fff)
    fff, dense = train_models(
        Recipe(**recorded.recipe),  # type: ignore[arg-type]
        TRAIN,
        TEST,
        Store(tmp_path_factory.mktemp("again")),
        "toy",
        recorded.seed,
        lambda epoch: None,
    )

    assert fff.manifest == pair.fff.manifest
    assert dense.manifest == pair.dense.manifest


def test_the_reference_leaves_hold_the_rows_that_were_fitted(toy_pair: ToyPair) -> None:
    manifest = toy_pair.fff.manifest
    assert isinstance(manifest, FFFManifest)
    assert manifest.reference_leaf_rows is not None

    assert [sum(layer) for layer in manifest.reference_leaf_rows] == [360]
    assert origin(toy_pair.fff).metrics["train_rows"] == 360


def test_the_published_accuracy_is_the_best_of_its_epochs(toy_pair: ToyPair) -> None:
    pair, epochs = toy_pair, toy_pair.epochs

    for checkpoint in (pair.fff, pair.dense):
        accuracies = [e.validation_accuracy for e in epochs if e.model == checkpoint.name]
        assert origin(checkpoint).metrics["validation_hard_accuracy"] == max(accuracies)


def test_an_fff_reports_hard_and_soft_accuracy_of_every_part(toy_pair: ToyPair) -> None:
    metrics = origin(toy_pair.fff).metrics

    for part in ("train", "validation", "test"):
        assert {f"{part}_hard_accuracy", f"{part}_soft_accuracy", f"{part}_rows"} <= metrics.keys()
    assert metrics["test_rows"] == len(TEST)


def test_raw_pixels_are_served_as_they_were_trained(toy_pair: ToyPair) -> None:
    for checkpoint in (toy_pair.fff, toy_pair.dense):
        assert checkpoint.manifest.uint8 == TOY.scaling


def test_training_again_adds_a_version(tmp_path_factory: pytest.TempPathFactory) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    recipe = TOY.override({"epochs": 1})
    pairs = [
        train_models(recipe, TRAIN, TEST, store, "toy", seed, lambda epoch: None) for seed in (0, 1)
    ]

    assert [fff.version for fff, _ in pairs] == [1, 2]
    assert store.versions("toy-dense") == [1, 2]


@pytest.mark.parametrize("name", ["", "../toy", "t" * 59, "toy\n"])
def test_a_name_the_store_cannot_hold_is_refused_before_training(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))

    with pytest.raises(RecipeError, match="must match"):
        train_models(TOY, TRAIN, TEST, store, name, 0, lambda epoch: pytest.fail("trained"))
    assert store.models() == []


def test_data_that_do_not_belong_together_are_refused(toy_pair: ToyPair) -> None:
    store = toy_pair.store
    seen = TRAIN.labels < 3
    three = type(TRAIN)(TRAIN.images[seen], TRAIN.labels[seen], "three")
    narrow = type(TEST)(TEST.images[:, :3].copy(), TEST.labels, "narrow")

    with pytest.raises(DatasetError, match="training labels 0 to 2, got 3"):
        train_models(TOY, three, TEST, store, "toy", 0, lambda epoch: None)
    with pytest.raises(DatasetError, match="narrow: images must have .* 4 pixels, got 3"):
        train_models(TOY, TRAIN, narrow, store, "toy", 0, lambda epoch: None)


def test_every_baseline_is_trained_on_the_same_rows_and_published_by_its_name(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    models = train_models(OURS, TRAIN, TEST, store, "t", 0, lambda epoch: None, [*CONTENDERS])

    assert [model.name for model in models] == ["t", *(f"t-{name}" for name in CONTENDERS)]
    assert models[0].manifest.baseline == "t-dense"
    for model in models:
        loaded = store.load(model.name)
        accuracy = origin(model).metrics["test_hard_accuracy"]
        classes, _ = hard_pass(build_backend(loaded.weights, CPU), OURS.scaling, TEST.images)
        assert origin(model).data_sha256 == TRAIN.sha256
        assert origin(model).test_sha256 == TEST.sha256
        assert loaded.kind == str(origin(model).recipe["family"]).replace("fixed_tree", "fff")
        assert (classes == TEST.labels).mean() == accuracy


def test_an_unknown_baseline_is_refused_before_training(toy_pair: ToyPair) -> None:
    with pytest.raises(RecipeError, match="one of dense, .*; got 'twin'"):
        train_models(TOY, TRAIN, TEST, toy_pair.store, "t", 0, lambda epoch: None, ["twin"])


def test_another_test_set_gives_the_same_weights(tmp_path: Path, toy_pair: ToyPair) -> None:
    other = quarters(30, seed=9)

    models = train_models(TOY, TRAIN, other, Store(tmp_path), "toy", 3, lambda epoch: None)

    for model, known in zip(models, (toy_pair.fff, toy_pair.dense), strict=True):
        assert model.manifest.sha256 == known.manifest.sha256
        assert origin(model).metrics["test_rows"] == len(other)


def test_the_curve_has_a_number_for_every_epoch(toy_pair: ToyPair) -> None:
    curve = origin(toy_pair.fff).curve

    assert {len(numbers) for numbers in curve.values()} == {origin(toy_pair.fff).metrics["epochs"]}
    best = max(epoch.validation_accuracy for epoch in toy_pair.epochs if epoch.model == "toy")
    assert max(curve["validation_accuracy"]) == pytest.approx(best, abs=1e-5)
