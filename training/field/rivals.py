"""
Who an FFF on a field is compared with, by name: the FFF's recipe with another network in it.

Not covered:  training them (`training.field.gradients`).
"""

from collections.abc import Callable
from dataclasses import replace

from training.errors import RecipeError
from training.field.recipe import FieldRecipe

TWIN_WIDTH = 1024
"""
Most hidden neurons of the dense twin. On the terrain 16 to 2,048 of them have errors of 95 to 100 m
(issue 15), and as many as the tree has, 32,768, would train for hours.
"""

SIREN_RATE = 1e-3
"""
Highest rate of sines. At the others' 0.005 three layers of 128 err by 39.5 m on the terrain, at
this one by 8.7 (2026-11-28).
"""


def dense(recipe: FieldRecipe) -> FieldRecipe:
    """One hidden layer, as wide as the tree's training can use, or as is of use."""
    width = min(TWIN_WIDTH, 2**recipe.depth * recipe.leaf_width)
    return replace(recipe, family="dense", hidden_width=width)


def multilayer(recipe: FieldRecipe) -> FieldRecipe:
    """Several hidden layers."""
    return replace(recipe, family="multilayer")


def fourier(recipe: FieldRecipe) -> FieldRecipe:
    """Several hidden layers behind Fourier features."""
    return replace(recipe, family="fourier")


def siren(recipe: FieldRecipe) -> FieldRecipe:
    """Several hidden layers of sines, at a rate of 0.001 at most."""
    return replace(recipe, family="siren", learning_rate=min(recipe.learning_rate, SIREN_RATE))


def raster(recipe: FieldRecipe) -> FieldRecipe:
    """No network: all cells of a raster as they are, those of the test too, to look things up."""
    return replace(recipe, family="raster")


RIVALS: dict[str, Callable[[FieldRecipe], FieldRecipe]] = {
    "dense": dense,
    "multilayer": multilayer,
    "fourier": fourier,
    "siren": siren,
    "raster": raster,
}


def rival(name: str, recipe: FieldRecipe) -> FieldRecipe:
    """
    The recipe of a rival, by its name.

    Raises:
        RecipeError: If there is none of this name.
    """
    if name not in RIVALS:
        raise RecipeError(f"baseline must be one of {', '.join(RIVALS)}; got {name!r}")
    return RIVALS[name](recipe)
