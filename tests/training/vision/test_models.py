"""A vision transformer and its rivals: what is published is what was trained, and learns."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from evaluation.errors import DatasetError
from evaluation.evaluate import evaluate
from model_store.manifest import NetworkManifest, TrainingOrigin
from model_store.store import Checkpoint, Store
from networks.weights import NetworkWeights
from tests.training.vision.toys import TEST, TOY, TRAIN
from training.errors import RecipeError
from training.overriding import Overridable
from training.recipes import VISION_RECIPES
from training.vision.models import train_vision
from training.vision.rivals import RIVALS


def trained(folder: Path, recipe=TOY, seed=0, baselines=(), told=None) -> list[Checkpoint]:
    told = [] if told is None else told
    return train_vision(
        recipe, TRAIN, TEST, Store(folder), "toy", seed, lambda *step: told.append(step), baselines
    )


def origin(model: Checkpoint) -> TrainingOrigin:
    assert isinstance(model.manifest.origin, TrainingOrigin)
    return model.manifest.origin


def tensors(model: Checkpoint) -> dict[str, torch.Tensor]:
    assert isinstance(model.weights, NetworkWeights)
    return model.weights.tensors()


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> list[Checkpoint]:
    return trained(tmp_path_factory.mktemp("store"), baselines=[*RIVALS])


def test_every_family_learns_and_is_evaluated_as_its_manifest_says(models):
    for model in models:
        reached = evaluate(model, TEST.images, TEST.labels).hard_accuracy
        assert reached == origin(model).metrics["test_hard_accuracy"] > 0.5  # 0.25 by chance


def test_the_network_names_its_twin_and_counts_a_leaf_for_every_token(models):
    manifest = models[0].manifest
    assert isinstance(manifest, NetworkManifest)
    assert [model.name for model in models] == ["toy", "toy-dense", "toy-inference-width"]
    assert [model.manifest.baseline for model in models] == ["toy-dense", None, None]
    tokens = len(TRAIN) * 4
    assert [sum(layer) for layer in manifest.reference_leaf_rows or []] == [tokens, tokens]


def test_the_twin_has_the_training_width_and_the_narrow_one_a_leafs(models):
    widths = [
        {t.shape[1] for name, t in tensors(model).items() if name.endswith("layer.w1")}
        for model in models[1:]
    ]
    assert widths == [{TOY.training_width}, {TOY.leaf_width}]


def test_a_seed_gives_the_same_bits_again_from_a_twin_that_was_kept_and_another_others(
    models, tmp_path, monkeypatch
):
    told: list[tuple[str, int, int]] = []
    kept = tensors(trained(tmp_path / "kept", told=told)[0])
    assert len({total for _, _, total in told}) == 1, "a twin that was kept is not trained again"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    anew = tensors(trained(tmp_path / "anew", told=told)[0])
    assert len({total for _, _, total in told}) == 2
    other = tensors(trained(tmp_path / "other", seed=1)[0])
    for name, tensor in tensors(models[0]).items():
        assert torch.equal(tensor, kept[name])
        assert torch.equal(tensor, anew[name])
    assert not torch.equal(other["head.weight"], kept["head.weight"])


def test_images_and_patches_that_do_not_fit_are_refused_before_training(tmp_path):
    with pytest.raises(RecipeError, match="patch must divide .* 2 and 2; got 3"):
        trained(tmp_path, TOY.override({"patch": 3}))
    flat = replace(TRAIN, image_shape=None)
    with pytest.raises(DatasetError, match="one height and width, got flat rows and"):
        train_vision(TOY, flat, TEST, Store(tmp_path), "toy", 0, lambda *step: None)
    coloured = replace(TRAIN, image_shape=(1, 1, 4))
    with pytest.raises(DatasetError, match=r"grey images were expected \(--grey\), got 4"):
        train_vision(TOY, coloured, coloured, Store(tmp_path), "toy", 0, lambda *step: None)
    with pytest.raises(RecipeError, match="baseline must be one of dense, inference-width"):
        trained(tmp_path, baselines=["mixture"])


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("heads", 3, "multiple of heads, got 8 and 3"), ("tuning_epochs", -1, "0 to 1000, got -1")],
)
def test_a_recipe_that_cannot_be_is_refused(field, value, message):
    with pytest.raises(RecipeError, match=message):
        TOY.override({field: value})


def test_recipes_have_the_papers_shapes():
    for recipe in VISION_RECIPES.values():
        assert isinstance(recipe, Overridable)
        shape = (recipe.layers, recipe.patch, recipe.token_width, recipe.training_width)
        assert shape == (4, 4, 128, 128)
