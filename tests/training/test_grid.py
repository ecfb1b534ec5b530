"""What a grid consists of, and that a store gets what it lacks of one, once."""

from pathlib import Path

import pytest

from evaluation.datasets import digits
from evaluation.image_folder import ImageForm
from model_store.errors import StoreError
from model_store.manifest import TrainingOrigin
from model_store.store import Store
from tests.evaluation.image_files import GREY, LABELS, write_class_folders
from tests.training.toys import OURS
from training import grid, grid_run
from training.errors import RecipeError
from training.grid import GRIDS, Point, grid_points
from training.grid_run import Job, missing_jobs, run, train_one
from training.learners import build_learner
from training.recipes import recipe_by_name


@pytest.mark.parametrize("name", GRIDS)
def test_points_have_names_of_their_own_and_recipes_that_can_be_built(name: str) -> None:
    points = GRIDS[name](recipe_by_name("ours"), 784, 10)
    shared = grid_points(GRIDS, recipe_by_name("ours"), 784, 10)

    recipes = {point.name: point.recipe for point in points}
    assert {point.recipe for point in points} <= {point.recipe for point in shared}
    assert len({point.recipe for point in points}) == len(recipes)
    for recipe in recipes.values():
        if recipe.training_width < 1000:
            build_learner(recipe, 784, 10)


def test_every_published_shape_is_in_the_grids_of_shapes_and_of_papers() -> None:
    base = recipe_by_name("ours")
    for name in ("shapes", "papers"):
        recipes = [point.recipe for point in GRIDS[name](base, 784, 10)]
        plain = {(r.leaf_width, r.depth) for r in recipes if not r.master_width}
        master = {(r.leaf_width, r.depth) for r in recipes if r.master_width == 8}
        assert plain == {*grid.PUBLISHED_SHAPES, *grid.WIDE_SHAPES}
        assert master == {*grid.PUBLISHED_SHAPES}


def test_an_unknown_grid_is_refused() -> None:
    with pytest.raises(RecipeError, match="one of shapes, .*; got 'all'"):
        grid_points(["all"], OURS, 784, 10)


@pytest.fixture
def two_points(monkeypatch: pytest.MonkeyPatch) -> None:
    quick: dict[str, str | int] = {
        "epochs": 2,
        "patience": 2,
        "teacher": "none",
        "shift_pixels": 0,
        "components": 20,
    }
    recipe = recipe_by_name("digits").override(quick)
    dense = recipe.override({"family": "dense", "hidden_width": 4})
    points = [Point("tree", recipe), Point("dense-4", dense)]
    monkeypatch.setattr(grid_run, "grid_points", lambda *given: points)


@pytest.mark.usefixtures("two_points")
def test_what_a_store_lacks_is_trained_and_an_error_ends_the_run(tmp_path: Path) -> None:
    store = str(tmp_path)
    names, missing = missing_jobs(["any"], [0, 1], None, store)
    told: list[tuple[int, int]] = []
    train_one(missing[0])
    again, rest = missing_jobs(["any"], [0, 1], None, store)
    unnamed = Job("a b", missing[0].recipe.override({"epochs": 1}), 0, None, store)
    with pytest.raises(StoreError, match="a b"):
        run([*rest, unnamed], 1, lambda done, total: told.append((done, total)))

    assert (
        names
        == again
        == [*("digits-tree-s0", "digits-dense-4-s0", "digits-tree-s1", "digits-dense-4-s1")]
    )
    assert [job.name for job in rest] == names[1:]
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert missing_jobs(["any"], [0, 1], None, store)[1] == []
    assert all(Store(tmp_path).versions(name) == [1] for name in names)
    origin = Store(tmp_path).manifest("digits-dense-4-s1").origin
    assert isinstance(origin, TrainingOrigin)
    assert (origin.seed, origin.data_sha256) == (1, digits()[0].sha256)


@pytest.mark.usefixtures("two_points")
def test_another_recipe_or_other_data_of_the_same_name_are_trained_anew(
    tmp_path: Path,
) -> None:
    job = missing_jobs(["any"], [0], None, str(tmp_path))[1][1]
    train_one(job)
    changed = Job(job.name, job.recipe.override({"epochs": 1}), 0, None, job.store)

    assert grid_run._is_there(Store(tmp_path), job, digits()[0].sha256)
    assert not grid_run._is_there(Store(tmp_path), changed, digits()[0].sha256)
    assert not grid_run._is_there(Store(tmp_path), job, digits()[1].sha256)


@pytest.mark.usefixtures("two_points")
def test_networks_of_a_grid_are_trained_on_images_of_the_form_asked_for(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "drawn", GREY, LABELS)
    (tmp_path / "store").mkdir()
    _, (job, *_) = missing_jobs(
        ["any"], [0], tmp_path / "drawn", str(tmp_path / "store"), ImageForm((8, 8))
    )

    train_one(job)

    assert Store(tmp_path / "store").manifest(job.name).input_width == 64
