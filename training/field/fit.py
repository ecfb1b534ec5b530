"""
A field's FFF: a tree grown from the rows, leaves solved one by one, of the depth that does best.

Covered:      regression of any number of values; the same weights for the same recipe, data and
              seed on one machine and torch version.
Not covered:  routers that learn: cells are where rows are, and stay.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from evaluation.samples import Samples
from fff.weights import FFFWeights
from networks.backends import build_backend
from training.field.cells import Cells, Floats
from training.field.leaves import fit_leaves
from training.field.neighbours import neighbourhoods
from training.field.recipe import FieldRecipe
from training.field.tree import grow

Advance = Callable[[int, int], None]
"""Told how many leaves of how many, of all depths, are done."""


@dataclass(frozen=True, slots=True)
class FittedTree:
    """
    A field's network of one depth.

    Attributes:
        weights: In the units of the samples.
        error: Root of the mean squared error on the held-out rows, each value in units of its
            deviation over the fitted rows.
    """

    weights: FFFWeights
    error: float


def fit_field(
    fitted: Samples, validation: Samples, recipe: FieldRecipe, seed: int, advance: Advance
) -> list[FittedTree]:
    """
    Fit a tree of every depth that the recipe asks for, from the least on.

    Args:
        fitted: Rows to learn from; a regression.
        validation: Rows that say when leaves stop and which depth is best.
        recipe: Everything else.
        seed: Of what leaves begin with.
        advance: Told of leaves that are done.
    """
    depths = range(min(recipe.least_depth, recipe.depth), recipe.depth + 1)
    total, before, found = sum(2**depth for depth in depths), 0, []
    for depth in depths:
        of_depth = replace(recipe, depth=depth)
        weights = _fit(fitted, validation, of_depth, seed, _further(advance, before, total))
        before += 2**depth
        found.append(FittedTree(weights, _error(weights, fitted, validation)))
        advance(before, total)
    return found


def _further(advance: Advance, before: int, total: int) -> Advance:
    return lambda leaves, of_depth: advance(before + leaves, total)


def _fit(
    fitted: Samples, validation: Samples, recipe: FieldRecipe, seed: int, advance: Advance
) -> FFFWeights:
    y = fitted.y.astype(np.float64)
    tree = grow(fitted.x, y / _deviation(y), recipe.depth, recipe.splits, recipe.least_rows)
    cells = Cells.of(tree.leaf_of(fitted.x))
    near = neighbourhoods(fitted.x, cells, recipe.overlap, recipe.overlap_weight)
    leaves = fit_leaves(
        np.concatenate((fitted.x, validation.x)),
        np.concatenate((y, validation.y)),
        near,
        np.searchsorted(cells.names, tree.leaf_of(validation.x)),
        recipe,
        seed,
        advance,
    )
    # A leaf that no row reaches has the weights of the next that one does: nobody will see them.
    place = torch.from_numpy(np.searchsorted(cells.names, np.arange(2**recipe.depth)))
    return FFFWeights(
        torch.from_numpy(tree.node_weight),
        torch.from_numpy(tree.node_bias),
        leaves.w1[place],
        leaves.b1[place],
        leaves.w2[place],
        leaves.b2[place],
        recipe.activation,
    )


def _error(weights: FFFWeights, fitted: Samples, validation: Samples) -> float:
    backend = build_backend(weights, torch.device("cpu"))
    missed = backend.infer(torch.from_numpy(validation.x)).logits.numpy() - validation.y
    scaled = missed.astype(np.float64) / _deviation(fitted.y.astype(np.float64))
    return float(np.sqrt((scaled**2).mean()))


def _deviation(y: Floats) -> Floats:
    """Of each value, `[o]`, above 0."""
    deviation: Floats = y.std(0) + np.finfo(np.float32).tiny
    return deviation
