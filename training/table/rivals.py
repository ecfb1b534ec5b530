"""
Who an FFF on a table is compared with, by name: the FFF's recipe with another network in it.

Not covered:  training them (`training.table.fit`); a booster, which is no network
              (`evaluation.booster`).
"""

from collections.abc import Callable
from dataclasses import replace

from training.contenders import low_rank_shape
from training.errors import RecipeError
from training.table.recipe import TableRecipe

Rival = Callable[[TableRecipe, int, int], TableRecipe]
"""The FFF's recipe, input and output width, to the rival's."""


def dense(recipe: TableRecipe, inputs: int, outputs: int) -> TableRecipe:
    """Dense, with every neuron that the FFF trains."""
    return replace(recipe, family="dense", hidden_width=recipe.training_width)


def low_rank(recipe: TableRecipe, inputs: int, outputs: int) -> TableRecipe:
    """Of low rank, at the FFF's cost."""
    width, rank = low_rank_shape(
        recipe.depth, recipe.inference_width, recipe.training_width, inputs, outputs
    )
    return replace(recipe, family="low_rank", hidden_width=width, rank=rank)


def multilayer(recipe: TableRecipe, inputs: int, outputs: int) -> TableRecipe:
    """Several hidden layers."""
    return replace(recipe, family="multilayer")


RIVALS: dict[str, Rival] = {"dense": dense, "low-rank": low_rank, "multilayer": multilayer}


def rival(name: str, recipe: TableRecipe, inputs: int, outputs: int) -> TableRecipe:
    """
    The recipe of a rival.

    Raises:
        RecipeError: If the name is not one of `RIVALS`.
    """
    check_rivals([name])
    return RIVALS[name](recipe, inputs, outputs)


def check_rivals(names: list[str]) -> None:
    """
    Refuse names that are not of `RIVALS`.

    Raises:
        RecipeError: Naming the first.
    """
    for name in names:
        if name not in RIVALS:
            raise RecipeError(f"baseline must be one of {', '.join(RIVALS)}; got {name!r}")
