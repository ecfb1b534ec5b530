"""What a grid consists of, and what a change of its recipe reaches."""

import pytest

from tests.training.toys import OURS
from training import grid
from training.errors import RecipeError
from training.grid import GRIDS, grid_points
from training.learners import build_learner
from training.recipes import recipe_by_name


@pytest.mark.parametrize("name", GRIDS)
def test_points_have_names_of_their_own_and_recipes_that_can_be_built(name: str) -> None:
    points = GRIDS[name](recipe_by_name("ours"), 784, 10)
    shared = grid_points([*GRIDS], recipe_by_name("ours"), 784, 10)

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


def test_the_papers_recipes_are_refused_for_data_that_they_would_scale_wrongly() -> None:
    with pytest.raises(RecipeError, match="papers is for images of pixels 0 to 255, .* the digits"):
        grid_points(["papers"], recipe_by_name("digits"), 64, 10)


def test_the_task_trains_the_gate_of_every_mixture_of_the_grids() -> None:
    points = grid_points([*GRIDS], recipe_by_name("ours"), 784, 10)
    mixtures = [point.recipe for point in points if point.recipe.family == "mixture"]

    assert mixtures
    assert all(recipe.top_k > 1 for recipe in mixtures)


def test_an_unknown_grid_is_refused() -> None:
    with pytest.raises(RecipeError, match="one of shapes, .*; got 'all'"):
        grid_points(["all"], OURS, 784, 10)


def test_a_change_reaches_every_network_of_a_grid_that_does_not_set_the_field_itself() -> None:
    ours = recipe_by_name("ours")
    changes: dict[str, str | float] = {"epochs": "9", "warp": 0.1}
    for name in ("shapes", "frontier", "depth"):
        plain = grid_points([name], ours, 784, 10)
        changed = grid_points([name], ours, 784, 10, changes)
        assert [point.recipe for point in changed] == [
            point.recipe.override(changes) for point in plain
        ]
    unchanged = grid_points(["depth"], ours, 784, 10, {"depth": ours.depth})
    assert unchanged == grid_points(["depth"], ours, 784, 10)


@pytest.mark.parametrize(
    ("grids", "change"),
    [
        (["shapes"], {"depth": 5}),
        (["frontier", "depth"], {"hidden_width": 3}),
        (["parts"], {"top_k": 1}),
        (["papers"], {"epochs": 9}),
    ],
)
def test_a_change_that_reaches_no_network_of_a_grid_is_refused(
    grids: list[str], change: dict[str, str | int | float]
) -> None:
    with pytest.raises(RecipeError, match=f"{[*change][0]} changes no network of the grid"):
        grid_points(grids, recipe_by_name("ours"), 784, 10, change)
