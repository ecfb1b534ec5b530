"""
Recipes by name, one file each, with where its settings come from and what it was measured to reach.

Covered:      ours, those of the papers as published, the demo's digits, fields', tables' and
              vision transformers'.
Not covered:  what the fields mean and may be (`training.recipe`, `training.ranges`).
"""

from training.errors import RecipeError
from training.field.recipe import FieldRecipe
from training.recipe import Recipe
from training.recipes import (
    digits,
    efff_master,
    efff_paper,
    fff_paper,
    field,
    ours,
    table,
    terrain,
    vit_fashion,
    vit_mnist,
)
from training.table.recipe import TableRecipe
from training.vision.recipe import VisionRecipe

_FILES = (ours, fff_paper, efff_paper, efff_master, digits)
_FIELDS = (field, terrain)
_VISION = (vit_mnist, vit_fashion)
RECIPES: dict[str, Recipe] = {file.RECIPE.name: file.RECIPE for file in _FILES}
"""Of images."""
FIELD_RECIPES: dict[str, FieldRecipe] = {file.RECIPE.name: file.RECIPE for file in _FIELDS}
"""Of fields."""
TABLE_RECIPES: dict[str, TableRecipe] = {table.RECIPE.name: table.RECIPE}
"""Of tables."""
VISION_RECIPES: dict[str, VisionRecipe] = {file.RECIPE.name: file.RECIPE for file in _VISION}
"""Of vision transformers."""
ABOUT: dict[str, str] = {
    file.RECIPE.name: file.ABOUT for file in (*_FILES, *_FIELDS, table, *_VISION)
}
"""Each recipe in a line, for the help."""


AnyRecipe = Recipe | FieldRecipe | TableRecipe | VisionRecipe


def any_recipe(name: str) -> AnyRecipe:
    """
    Look a recipe up, of any kind.

    Raises:
        RecipeError: If the name is none of these.
    """
    known: dict[str, AnyRecipe] = {
        **RECIPES,
        **FIELD_RECIPES,
        **TABLE_RECIPES,
        **VISION_RECIPES,
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
