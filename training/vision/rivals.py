"""Who a vision transformer with FFFs is compared with, by name."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from training.errors import RecipeError
from training.vision.recipe import VisionRecipe


def dense(fff: VisionRecipe) -> VisionRecipe:
    """Dense, with every neuron that the FFF trains: what one would serve without it."""
    return replace(fff, family="dense", hidden_width=fff.training_width)


def inference_width(fff: VisionRecipe) -> VisionRecipe:
    """Dense, with as many neurons as compute one token of the FFF, and trained as that is."""
    return replace(fff, family="narrow")


RIVALS: dict[str, Callable[[VisionRecipe], VisionRecipe]] = {
    "dense": dense,
    "inference-width": inference_width,
}


def check_rivals(names: Iterable[str]) -> None:
    """
    Refuse names that are none of `RIVALS`.

    Raises:
        RecipeError: The first of them.
    """
    for name in names:
        if name not in RIVALS:
            raise RecipeError(f"a baseline must be one of {', '.join(RIVALS)}; got {name!r}")


def rival(name: str, fff: VisionRecipe) -> VisionRecipe:
    """
    Make the recipe of a rival.

    Raises:
        RecipeError: If the name is not one of `RIVALS`.
    """
    check_rivals([name])
    return RIVALS[name](fff)
