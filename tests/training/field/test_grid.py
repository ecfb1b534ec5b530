"""The grid of a field, and what of it a store lacks."""

from pathlib import Path

import numpy as np
import pytest

from model_store.manifest import TrainingOrigin
from model_store.store import Store
from training.errors import RecipeError
from training.field import grid_run
from training.field.grid import FieldPoint, field_points
from training.field.grid_run import missing_field_jobs
from training.field.recipe import FieldRecipe
from training.field.rivals import RIVALS
from training.recipes import FIELD_RECIPES

BASE = FIELD_RECIPES["field"]


def test_the_grid_has_every_network_that_an_expert_would_name_each_once() -> None:
    points = field_points(["field"], BASE)

    families = {point.recipe.family for point in points}
    assert families == {"fff", *RIVALS} - {"raster"}  # which holds the rows of the test
    assert len({point.name for point in points}) == len(points)
    assert len({point.recipe for point in points}) == len(points)


def test_a_change_reaches_what_the_grid_does_not_set_and_is_refused_elsewhere() -> None:
    changed = field_points(["field"], BASE, {"overlap": "0.5"})

    assert {point.recipe.overlap for point in changed} == {0.5}
    with pytest.raises(RecipeError, match="hidden_width changes no network"):
        field_points(["field"], BASE, {"epochs": 7, "hidden_width": 5})
    with pytest.raises(RecipeError, match="one of field; got 'depth'"):
        field_points(["depth"], BASE)


def test_what_is_missing_is_trained_once_on_one_test_part_for_all_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "hills.npy", np.random.default_rng(0).normal(size=(20, 30)))
    small = FieldRecipe(name="field", depth=2, iterations=2)
    points = [FieldPoint("tree", small)]
    monkeypatch.setattr(grid_run, "field_points", lambda *given: points)
    store = str(tmp_path / "store")
    Path(store).mkdir()
    asked = (["field"], [0, 1], str(tmp_path / "hills.npy"), (), BASE, store)

    names, missing = missing_field_jobs(*asked)
    for job in missing:
        job.train()

    assert names == ["hills-tree-s0", "hills-tree-s1"] == [job.name for job in missing]
    assert missing_field_jobs(*asked)[1] == []
    origins = [Store(Path(store)).manifest(name).origin for name in names]
    assert all(isinstance(origin, TrainingOrigin) for origin in origins)
    assert len({origin.test_sha256 for origin in origins if origin}) == 1  # type: ignore[union-attr]
