"""
Recipes by name, one file each, with where its settings come from and what it was measured to reach.

Covered:      ours, those of the papers as published, and the demo's digits.
Not covered:  what the fields mean and may be (`training.recipe`, `training.ranges`).
"""

from training.errors import RecipeError
from training.recipe import Recipe
from training.recipes import digits, efff_master, efff_paper, fff_paper, ours

_FILES = (ours, fff_paper, efff_paper, efff_master, digits)
RECIPES: dict[str, Recipe] = {file.RECIPE.name: file.RECIPE for file in _FILES}
ABOUT: dict[str, str] = {file.RECIPE.name: file.ABOUT for file in _FILES}
"""Each recipe in a line, for the help."""


def recipe_by_name(name: str) -> Recipe:
    """
    Look a recipe up.

    Raises:
        RecipeError: If the name is not one of `RECIPES`.
    """
    if name not in RECIPES:
        raise RecipeError(f"recipe must be one of {', '.join(RECIPES)}; got {name!r}")
    return RECIPES[name]
