"""The demo pair in the store: small, honest, and what its recipe says."""

import pytest

from model_store.manifest import FFFManifest, TrainingOrigin
from model_store.store import DEMO_STORE, Store
from training.contenders import contender
from training.recipes import recipe_by_name


def test_the_demo_is_small_enough_to_live_in_the_repository() -> None:
    files = [*DEMO_STORE.glob("digits/1/*"), *DEMO_STORE.glob("digits-dense/1/*")]

    assert len(files) == 4
    assert sum(file.stat().st_size for file in files) < 200_000


@pytest.mark.parametrize("name", ["digits", "digits-dense"])
def test_the_demo_was_trained_by_the_recipe_of_its_name(demo: Store, name: str) -> None:
    origin = demo.load(name, 1).manifest.origin
    assert isinstance(origin, TrainingOrigin)

    fff = recipe_by_name("digits")
    recipe = fff if name == "digits" else contender("dense", fff, 64, 10)
    assert origin.recipe == recipe.fields()
    assert origin.seed == 0  # the default: not chosen for its result


def test_every_leaf_of_the_demo_is_used_and_firm(demo: Store) -> None:
    manifest = demo.load("digits", 1).manifest
    assert isinstance(manifest, FFFManifest)
    assert isinstance(manifest.origin, TrainingOrigin)
    assert manifest.reference_leaf_rows is not None
    metrics = manifest.origin.metrics

    assert min(manifest.reference_leaf_rows[0]) > 0
    assert abs(metrics["test_soft_accuracy"] - metrics["test_hard_accuracy"]) < 0.01
