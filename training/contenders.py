"""
Who an FFF is compared with: baselines of the same recipe, by name.

Each is the FFF's recipe with another network in it; rows, teacher, optimiser and budget are the
same. Names are those of the published models' endings.
"""

from collections.abc import Callable
from dataclasses import replace

from training.errors import RecipeError
from training.recipe import Recipe

Contender = Callable[[Recipe, int, int], Recipe]
"""The FFF's recipe, input and output width, to the contender's."""


def training_width(fff: Recipe, inputs: int, classes: int) -> Recipe:
    """Dense, with every neuron that the FFF trains: what one would serve without it."""
    return replace(fff, family="dense", hidden_width=fff.training_width)


def inference_width(fff: Recipe, inputs: int, classes: int) -> Recipe:
    """Dense, with as many neurons as compute one row of the FFF."""
    return replace(fff, family="dense", hidden_width=fff.inference_width)


def equal_flops(fff: Recipe, inputs: int, classes: int) -> Recipe:
    """Dense, at the FFF's cost: the neurons that its path costs, and those that compute a row."""
    path = fff.depth * inputs / (inputs + classes)
    return replace(fff, family="dense", hidden_width=round(fff.inference_width + path))


def low_rank(fff: Recipe, inputs: int, classes: int) -> Recipe:
    """Of low rank, at the FFF's cost: as wide as the FFF in training, if half of it buys that."""
    width, rank = low_rank_shape(
        fff.depth, fff.inference_width, fff.training_width, inputs, classes
    )
    return replace(fff, family="low_rank", hidden_width=width, rank=rank)


def low_rank_shape(
    depth: int, inference_width: int, training_width: int, inputs: int, outputs: int
) -> tuple[int, int]:
    """Width and rank of a network of low rank that costs what an FFF of these widths does."""
    cost = depth * inputs + inference_width * (inputs + outputs)  # products of a row
    # Each neuron costs a product an output: wider, too little would be left for a rank.
    width = min(training_width, max(1, cost // (2 * outputs)))
    return width, max(1, round((cost - width * outputs) / (inputs + width)))


def mixture(fff: Recipe, inputs: int, classes: int) -> Recipe:
    """A mixture whose experts are the FFF's leaves, two of them a row (arXiv:2308.14711)."""
    experts = 2**fff.depth
    return replace(fff, family="mixture", experts=experts, top_k=min(2, experts))


def fixed_tree(fff: Recipe, inputs: int, classes: int) -> Recipe:
    """The FFF with routers as they were drawn: what learning to route is worth."""
    return replace(fff, family="fixed_tree")


CONTENDERS: dict[str, Contender] = {
    "dense": training_width,
    "inference-width": inference_width,
    "equal-flops": equal_flops,
    "low-rank": low_rank,
    "mixture": mixture,
    "fixed-tree": fixed_tree,
}


def contender(name: str, fff: Recipe, inputs: int, classes: int) -> Recipe:
    """
    Make the recipe of a contender.

    Raises:
        RecipeError: If the name is not one of `CONTENDERS`.
    """
    if name not in CONTENDERS:
        raise RecipeError(f"a baseline must be one of {', '.join(CONTENDERS)}; got {name!r}")
    return CONTENDERS[name](fff, inputs, classes)
