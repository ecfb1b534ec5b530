"""The demo's models in the store: small, honest, and what their recipes say."""

import numpy as np
import pytest
import torch

from evaluation.regression import computed, errors_of
from evaluation.terrain import terrain
from model_store.default_store import DEMO_MODELS
from model_store.manifest import FFFManifest, Manifest, TrainingOrigin
from model_store.store import DEMO_STORE, Store
from networks.backends import build_backend
from training.contenders import contender
from training.field.rivals import rival
from training.recipes import FIELD_RECIPES, recipe_by_name

MOST_BYTES = {"digits": 200_000, "terrain": 1_400_000}
"""Of 4,096 leaves' network, a rival and the map: a smaller tree would not have the figures told."""


def origin_of(manifest: Manifest) -> TrainingOrigin:
    assert isinstance(manifest.origin, TrainingOrigin)
    return manifest.origin


@pytest.mark.parametrize("data", MOST_BYTES)
def test_the_demo_is_small_enough_to_live_in_the_repository(data: str) -> None:
    models = [name for name in DEMO_MODELS if name.startswith(data)]
    files = [file for name in models for file in DEMO_STORE.glob(f"{name}/1/*")]

    assert len(files) == 2 * len(models)
    assert sum(file.stat().st_size for file in files) < MOST_BYTES[data]


@pytest.mark.parametrize("name", ["digits", "digits-dense"])
def test_the_pair_was_trained_by_the_recipe_of_its_name(demo: Store, name: str) -> None:
    origin = origin_of(demo.load(name, 1).manifest)

    fff = recipe_by_name("digits")
    recipe = fff if name == "digits" else contender("dense", fff, 64, 10)
    assert origin.recipe == recipe.fields()
    assert origin.seed == 0  # the default: not chosen for its result


def test_every_leaf_of_the_demo_is_used_and_firm(demo: Store) -> None:
    manifest = demo.load("digits", 1).manifest
    assert isinstance(manifest, FFFManifest)
    assert manifest.reference_leaf_rows is not None
    metrics = origin_of(manifest).metrics

    assert min(manifest.reference_leaf_rows[0]) > 0
    assert abs(metrics["test_soft_accuracy"] - metrics["test_hard_accuracy"]) < 0.01


def test_the_terrains_networks_were_trained_by_its_recipe(demo: Store) -> None:
    fff = FIELD_RECIPES["terrain"]
    origins = {name: origin_of(demo.manifest(name, 1)) for name in DEMO_MODELS[2:]}

    for origin, recipe in zip(
        origins.values(), (fff, rival("fourier", fff), rival("raster", fff)), strict=True
    ):
        assert origin.recipe.items() <= recipe.fields().items()
    assert {origin.seed for origin in origins.values()} == {0}
    assert demo.manifest("terrain", 1).baseline == "terrain-fourier"


@pytest.mark.parametrize("name", DEMO_MODELS[2:])
def test_the_terrains_networks_err_as_much_as_their_manifests_say(demo: Store, name: str) -> None:
    """On the rows held out, which the tree must know better than its rival; the raster has them."""
    samples, model = terrain(), demo.load(name, 1)
    held_out = np.random.default_rng(0).permutation(len(samples))[: len(samples) // 10]
    backend = build_backend(model.weights, torch.device("cpu"))

    values, _ = computed(backend, samples.x[held_out])
    rmse = float(errors_of(values, samples.y[held_out])[0][0])

    assert rmse == pytest.approx(origin_of(model.manifest).metrics["test_rmse"], rel=1e-3)
    least, most = {"terrain": (5, 6), "terrain-fourier": (9, 10)}.get(name, (0, 1e-3))
    assert least <= rmse < most
    assert model.manifest.inputs == list(samples.inputs or ())
