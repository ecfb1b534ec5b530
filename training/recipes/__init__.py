"""
Recipes by name, one file each, with where its settings come from and what it was measured to reach.

Covered:      ours, those of the papers as published, the demo's digits, fields' and tables'.
Not covered:  what the fields mean and may be (`training.recipe`, `training.ranges`).
"""

from training.errors import RecipeError
from training.field.recipe import FieldRecipe
from training.recipe import Recipe
from training.recipes import digits, efff_master, efff_paper, fff_paper, field, ours, table, terrain
from training.table.recipe import TableRecipe

_FILES = (ours, fff_paper, efff_paper, efff_master, digits)
_FIELDS = (field, terrain)
RECIPES: dict[str, Recipe] = {file.RECIPE.name: file.RECIPE for file in _FILES}
"""Of images."""
FIELD_RECIPES: dict[str, FieldRecipe] = {file.RECIPE.name: file.RECIPE for file in _FIELDS}
"""Of fields."""
TABLE_RECIPES: dict[str, TableRecipe] = {table.RECIPE.name: table.RECIPE}
"""Of tables."""
ABOUT: dict[str, str] = {file.RECIPE.name: file.ABOUT for file in (*_FILES, *_FIELDS, table)}
"""Each recipe in a line, for the help."""


def any_recipe(name: str) -> Recipe | FieldRecipe | TableRecipe:
    """
    Look a recipe up, of images, fields or tables.

    Raises:
        RecipeError: If the name is none of these.
    """
    known: dict[str, Recipe | FieldRecipe | TableRecipe] = {
        **RECIPES,
        **FIELD_RECIPES,
        **TABLE_RECIPES,
    }
    if name not in known:
        raise RecipeError(f"recipe must be one of {', '.join(known)}; got {name!r}")
    return known[name]


def recipe_by_name(name: str) -> Recipe:
    """
    Look a recipe of images up.

    Raises:
        RecipeError: If the name is not one of `RECIPES`.
    """
    if name not in RECIPES:
        raise RecipeError(f"recipe must be one of {', '.join(RECIPES)}; got {name!r}")
    return RECIPES[name]
