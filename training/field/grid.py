"""
The grid of a field: trees over depth, and each rival that an expert would try, at many costs.

The rivals are given at least the time that the trees get: their search is over features, scales,
widths, depths, activations, rates and epochs, and the most promising train for minutes where a tree
takes seconds.

Covered:      what the recipe `field` trains, with its fields changed.
Not covered:  rivals that are no networks (`evaluation.report.rivals`), a raster among them: as a
              model it holds the cells of the test too. Training a grid (`training.field.grid_run`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from evaluation.report.recipes import treatment
from training.errors import RecipeError
from training.field.recipe import FieldRecipe

DEPTHS = range(4, 16)
LEAF_WIDTH = 8
ACTIVATIONS = ("relu", "gelu")
DENSE_WIDTHS = (16, 64, 256, 1024)
HIDDEN = ((128, 2), (128, 3), (256, 4))  # (width, layers) of a plain multilayer network
# Features, their scale, width and number of hidden layers, activation, epochs.
FOURIER = (
    (16, 1.0, 32, 1, "relu", 30),
    (64, 6.0, 32, 2, "relu", 30),
    (64, 6.0, 64, 2, "relu", 30),
    (64, 6.0, 64, 2, "gelu", 30),
    (64, 6.0, 128, 3, "relu", 30),
    (64, 10.0, 128, 3, "gelu", 30),
    (128, 8.0, 128, 3, "gelu", 30),
    (256, 12.0, 128, 3, "gelu", 30),
    (256, 10.0, 256, 3, "gelu", 60),
)
FOURIER_RATE = 5e-3
# Frequency, width, number of hidden layers, rate, epochs. At a rate of 1e-3 the last two err by 31
# and 24 m on the terrain (2026-11-28): wide ones and high frequencies need less.
SIREN = (
    (60.0, 32, 2, 1e-3, 30),
    (60.0, 64, 2, 1e-3, 60),
    (30.0, 128, 3, 1e-3, 30),
    (60.0, 128, 3, 3e-4, 60),
    (90.0, 128, 3, 3e-4, 60),
    (60.0, 256, 3, 3e-4, 60),
)

Value = str | int | float


@dataclass(frozen=True, slots=True)
class FieldPoint:
    """
    A network to train, but for its seed.

    Attributes:
        name: The model's, before the seed.
        recipe: All of it.
    """

    name: str
    recipe: FieldRecipe


def field(base: FieldRecipe) -> list[FieldPoint]:
    """Of a field: trees of depth 4 to 15, dense, multilayer, Fourier features, SIREN."""
    trees = [_tree(base, depth, LEAF_WIDTH, act) for depth in DEPTHS for act in ACTIVATIONS]
    trees += [_tree(base, 12, 4, act) for act in ACTIVATIONS]
    dense = [
        _point(base, f"dense-{width}", family="dense", hidden_width=width) for width in DENSE_WIDTHS
    ]
    plain = [
        _point(
            base,
            f"multilayer-{width}x{layers}",
            family="multilayer",
            hidden_width=width,
            hidden_layers=layers,
        )
        for width, layers in HIDDEN
    ]
    sines = [
        _point(
            base,
            f"siren-{width}x{layers}-{frequency:g}",
            family="siren",
            frequency=frequency,
            hidden_width=width,
            hidden_layers=layers,
            epochs=epochs,
            learning_rate=rate,
        )
        for frequency, width, layers, rate, epochs in SIREN
    ]
    return [*trees, *dense, *plain, *(_fourier(base, *each) for each in FOURIER), *sines]


FIELD_GRIDS: dict[str, Callable[[FieldRecipe], list[FieldPoint]]] = {"field": field}


def field_points(
    names: Sequence[str],
    base: FieldRecipe,
    changes: Mapping[str, Value] | None = None,
) -> list[FieldPoint]:
    """
    Points of several grids, each once.

    Args:
        names: Of `FIELD_GRIDS`.
        base: The recipe of these data.
        changes: Fields of the recipe to change, for all networks; each must reach one.

    Raises:
        RecipeError: If a name is not one of them, or a change is none or reaches no network.
    """
    points = _by_name(names, base)
    if not changes:
        return list(points.values())
    other = base.override(changes)
    changed = _by_name(names, other)
    for name in (name for name in changes if _differ(base, other, name)):
        both = ((points[key].recipe, changed[key].recipe) for key in points)
        if not any(_has(then, name) and _differ(now, then, name) for now, then in both):
            raise RecipeError(
                f"{name} changes no network of the grid {' or '.join(names)}: it sets the field "
                "itself"
            )
    return list(changed.values())


def _differ(recipe: FieldRecipe, other: FieldRecipe, name: str) -> bool:
    return bool(getattr(recipe, name) != getattr(other, name))


def _has(recipe: FieldRecipe, name: str) -> bool:
    """Whether a field makes a difference to a recipe's network."""
    is_tree = recipe.family == "fff"
    return name == "activation" or name in treatment(recipe.fields(), is_tree, False)


def _by_name(names: Sequence[str], base: FieldRecipe) -> dict[str, FieldPoint]:
    points: dict[str, FieldPoint] = {}
    for name in names:
        if name not in FIELD_GRIDS:
            raise RecipeError(
                f"a grid of a field must be one of {', '.join(FIELD_GRIDS)}; got {name!r}"
            )
        points |= {point.name: point for point in FIELD_GRIDS[name](base)}
    return points


def _tree(base: FieldRecipe, depth: int, leaf_width: int, activation: str) -> FieldPoint:
    name = f"fff-l{leaf_width}-d{depth}-{activation}"
    return _point(base, name, depth=depth, leaf_width=leaf_width, activation=activation)


def _fourier(
    base: FieldRecipe,
    features: int,
    scale: float,
    width: int,
    layers: int,
    activation: str,
    epochs: int,
) -> FieldPoint:
    return _point(
        base,
        f"fourier-{features}-{scale:g}-{width}x{layers}-{activation}",
        family="fourier",
        fourier_features=features,
        fourier_scale=scale,
        hidden_width=width,
        hidden_layers=layers,
        activation=activation,
        epochs=epochs,
        learning_rate=FOURIER_RATE,
    )


def _point(base: FieldRecipe, name: str, **fields: Value) -> FieldPoint:
    return FieldPoint(name, base.override(fields))
