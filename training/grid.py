"""
Grids: the networks that a report sets beside each other, by name.

A grid is a list of points, a point a recipe with a name. Every contender of a grid has the recipe
of its FFF but for the network; a point that is in two grids is the same network in both.

Covered:      which networks. Not covered: training them (`training.grid_run`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from training.contenders import equal_flops, fixed_tree, low_rank, mixture
from training.errors import RecipeError
from training.recipe import Recipe
from training.recipes import efff_master, efff_paper, fff_paper

# (leaf width, depth): those of arXiv:2308.14711's table 1 at w = 16 and 128 (not at 32 and 64), for
# which eFFF published checkpoints too, and eFFF's wide ones.
PUBLISHED_SHAPES = ((1, 4), (2, 3), (4, 2), (8, 1), (1, 7), (2, 6), (4, 5), (8, 4))
WIDE_SHAPES = ((16, 3), (32, 2), (64, 1))
LEAF_WIDTHS = (1, 2, 4, 8, 16, 32, 64)
DEPTHS = range(9)
DENSE_WIDTHS = (4, 8, 12, 16, 20, 24, 30, 40, 64, 136)
RANKS = (4, 8, 16, 24)
MASTER_WIDTH = 8  # eFFF's
PARTS: dict[str, dict[str, str | int | float]] = {
    "teacher": {"teacher": "none"},
    "views": {"shift_pixels": 0, "warp": 0},
    "warp": {"warp": 0},
    "coordinates": {"components": 0},
    "path-violation": {"gate": "sigmoid"},
    "cooling": {"final_temperature": 1},
    "competing": {"competing_share": 0},
    "frozen": {"frozen_share": 0},
    "balance": {"load_balance": 0},
}
"""What a recipe is without each of its parts."""
_OF_BASELINES = ("family", "hidden_width", "rank", "experts", "top_k")  # a tree has them in vain


@dataclass(frozen=True, slots=True)
class Point:
    """
    A network to train, but for its seed.

    Attributes:
        name: The model's, before the seed.
        recipe: All of it.
    """

    name: str
    recipe: Recipe


def shapes(base: Recipe, inputs: int, classes: int) -> list[Point]:
    """Our recipe at every published shape, and with a master leaf at all but the wide ones."""
    plain = [_fff(base, *shape) for shape in (*PUBLISHED_SHAPES, *WIDE_SHAPES)]
    return plain + [_fff(base, *shape, MASTER_WIDTH) for shape in PUBLISHED_SHAPES]


def frontier(base: Recipe, inputs: int, classes: int) -> list[Point]:
    """Every family over a range of costs."""
    trees = [_fff(base, *shape, MASTER_WIDTH) for shape in ((1, 7), (2, 6), (4, 5), (8, 4))]
    trees += [_fff(base, leaf, depth, 16) for leaf, depth in ((16, 5), (32, 4))]
    trees += [_fff(base, leaf, depth) for leaf, depth in ((8, 4), (16, 5), (32, 5))]
    dense = [_dense(base, width) for width in DENSE_WIDTHS]
    thin = [
        Point(f"low-rank-{rank}", replace(low_rank(base, inputs, classes), rank=rank))
        for rank in RANKS
    ]
    experts = [
        Point(
            f"mixture-{leaf}-k{k}",
            replace(mixture(base, inputs, classes), leaf_width=leaf, top_k=k),
        )
        # Of one expert a row the share is always 1: the task would not train its gate.
        for leaf, k in ((4, 2), (8, 2), (16, 2))
    ]
    fixed = [
        Point(f"fixed-{point.name}", fixed_tree(point.recipe, inputs, classes))
        for point in trees
        if point.recipe.leaf_width in (8, 16)
    ]
    return [*trees, *dense, *thin, *experts, *fixed]


def depth(base: Recipe, inputs: int, classes: int) -> list[Point]:
    """Trees of depth 0 to 8 over leaves of 1 to 64 neurons, and dense networks of their FLOPs."""
    trees = [_fff(base, leaf, levels) for leaf in LEAF_WIDTHS for levels in DEPTHS]
    equal = [equal_flops(point.recipe, inputs, classes).hidden_width for point in trees]
    return trees + [_dense(base, width) for width in equal]


def papers(base: Recipe, inputs: int, classes: int) -> list[Point]:
    """The papers' recipes at w = 16 and 128 and the wide shapes; for pixels of 0 to 255."""
    if base.data != "images":
        raise RecipeError(
            "the grid papers is for images of pixels 0 to 255, which its recipes scale; "
            f"got the {base.data}"
        )
    fff = [_fff(fff_paper.RECIPE, *shape) for shape in PUBLISHED_SHAPES]
    efff = [_fff(efff_paper.RECIPE, *shape) for shape in (*PUBLISHED_SHAPES, *WIDE_SHAPES)]
    return (
        fff + efff + [_fff(efff_master.RECIPE, *shape, MASTER_WIDTH) for shape in PUBLISHED_SHAPES]
    )


def parts(base: Recipe, inputs: int, classes: int) -> list[Point]:
    """Our recipe, and the same without one of its parts: what each is worth."""
    whole = _fff(base, base.leaf_width, base.depth, base.master_width)
    names = {f"{base.name}-without-{part}": without for part, without in PARTS.items()}
    return [whole] + [
        Point(name, replace(base, name=name).override(without)) for name, without in names.items()
    ]


GRIDS: dict[str, Callable[[Recipe, int, int], list[Point]]] = {
    "shapes": shapes,
    "frontier": frontier,
    "depth": depth,
    "papers": papers,
    "parts": parts,
}


def grid_points(
    names: Sequence[str],
    base: Recipe,
    inputs: int,
    classes: int,
    changes: Mapping[str, str | int | float] | None = None,
) -> list[Point]:
    """
    Points of several grids, each once.

    Args:
        names: Of `GRIDS`.
        base: Our recipe for these data.
        inputs: Pixels of an image, `i`.
        classes: `o`.
        changes: Fields of our recipe to change, for all its networks.

    Raises:
        RecipeError: If a name is not one of them, or a change is none or reaches no network.
    """
    points = _by_name(names, base, inputs, classes)
    if not changes:
        return list(points.values())
    other = base.override(changes)
    changed = _by_name(names, other, inputs, classes)
    for name in (name for name in changes if getattr(other, name) != getattr(base, name)):
        both = ((points[key].recipe, changed[key].recipe) for key in points if key in changed)
        reached = any(getattr(before, name) != getattr(after, name) for before, after in both)
        if name in _OF_BASELINES or not reached:
            raise RecipeError(
                f"{name} changes no network of the grid {' or '.join(names)}: it sets the field "
                "itself, or has no recipe of ours"
            )
    return list(changed.values())


def _by_name(names: Sequence[str], base: Recipe, inputs: int, classes: int) -> dict[str, Point]:
    points: dict[str, Point] = {}
    for name in names:
        if name not in GRIDS:
            raise RecipeError(f"a grid must be one of {', '.join(GRIDS)}; got {name!r}")
        points |= {point.name: point for point in GRIDS[name](base, inputs, classes)}
    return points


def _fff(recipe: Recipe, leaf_width: int, depth: int, master_width: int = 0) -> Point:
    name = f"{recipe.name}-l{leaf_width}-d{depth}" + (f"-m{master_width}" if master_width else "")
    shape = {"leaf_width": leaf_width, "depth": depth, "master_width": master_width}
    return Point(name, recipe.override(shape))


def _dense(base: Recipe, width: int) -> Point:
    # Of the base, not of a tree: two trees of one cost are compared with one dense network.
    return Point(f"dense-{width}", replace(base, family="dense", hidden_width=width))
