"""
Leaves in coordinates of their own, solved in batches, folded into the network that is served.

A leaf sees its neighbourhood as the box [-1, 1] and its values as deviations from their mean
there: all leaves are problems of one size, wherever they lie and however steep the field is. Both
scalings are affine, so they go into the leaf's weights, and a row costs nothing more.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from fff.activations import activation_by_name
from training.field.cells import Floats, Inputs, Rows
from training.field.least_squares import Networks, Problem, fit
from training.field.neighbours import Neighbourhoods
from training.field.recipe import FieldRecipe

_FLOATS = 1 << 20
"""Of the largest matrix of one batch: 4 MiB, which a core's cache holds or nearly so."""

Advance = Callable[[int, int], None]
"""Told how many leaves of how many are done."""


@dataclass(frozen=True, slots=True)
class Leaves:
    """
    What the leaves of a tree compute, in the units of its inputs and values; float32.

    Attributes:
        w1: `[leaves, i, l]`.
        b1: `[leaves, l]`.
        w2: `[leaves, l, o]`.
        b2: `[leaves, o]`.
    """

    w1: Tensor
    b1: Tensor
    w2: Tensor
    b2: Tensor


def fit_leaves(
    x: Inputs,
    y: Floats,
    near: Neighbourhoods,
    held_out: Rows,
    recipe: FieldRecipe,
    seed: int,
    advance: Advance,
) -> Leaves:
    """
    Fit each leaf to its neighbourhood.

    Args:
        x: Inputs, `[n, i]`, the last `h` of which say when to stop and are not learnt from.
        y: Values, `[n, o]`.
        near: What each leaf learns from.
        held_out: Leaf of each of the last rows, `[h]`.
        recipe: Width, activation, ridge, steps.
        seed: Of what leaves begin with.
        advance: Told of leaves that are done.
    """
    leaves = len(near.centre)
    networks = Networks(
        x.shape[1], recipe.leaf_width, y.shape[1], activation_by_name(recipe.activation)
    )
    unknowns = networks.draw(leaves, torch.Generator().manual_seed(seed))
    local = _Coordinates.of(y, near)
    learnt = _Lists(near.row, near.weight, near.cells.start, near.cells.rows)
    judging = _judging(held_out, len(x), local.deviation)
    done = 0
    for batch in _batches(near, networks.unknowns * y.shape[1]):
        unknowns[batch] = fit(
            networks,
            local.problem(x, y, learnt, batch),
            local.problem(x, y, judging, batch),
            unknowns[batch],
            recipe.ridge,
            recipe.iterations,
            recipe.patience,
        )
        done += len(batch)
        advance(done, leaves)
    return local.fold(*(part.double() for part in networks.parts(unknowns)))


@dataclass(frozen=True, slots=True)
class _Coordinates:
    """
    In which each leaf's problem is posed.

    Attributes:
        centre, half: Of each leaf's box, `[leaves, i]`.
        mean, deviation: Of each leaf's values, `[leaves, o]`.
    """

    centre: Floats
    half: Floats
    mean: Floats
    deviation: Floats

    @classmethod
    def of(cls, y: Floats, near: Neighbourhoods) -> Self:
        values, weight = y[near.row], near.weight[:, None]
        whole = near.cells.sum(weight)
        mean = near.cells.sum(weight * values) / whole
        variance = near.cells.sum(weight * (values - mean[near.cells.cell]) ** 2) / whole
        # Where a leaf's values are all alike it need not tell more than a millionth of all apart.
        smallest = 1e-6 * (y.std(0) + np.abs(y).max(0)) + np.finfo(np.float32).tiny
        return cls(near.centre, near.half, mean, np.maximum(np.sqrt(variance), smallest))

    def problem(self, x: Inputs, y: Floats, lists: "_Lists", batch: Rows) -> Problem:
        """Rows of each leaf of a batch, with their weights, in the leaf's own coordinates."""
        rows = lists.rows[batch]
        along = np.arange(rows.max())
        there = along < rows[:, None]  # [batch, r]
        place = (lists.start[batch, None] + along)[there]
        number, weight = np.zeros(there.shape, np.int64), np.zeros(there.shape)
        number[there], weight[there] = lists.row[place], lists.weight[place]
        inputs = (x[number] - self.centre[batch, None]) / self.half[batch, None]
        values = (y[number] - self.mean[batch, None]) / self.deviation[batch, None]
        return Problem(*(torch.from_numpy(part).float() for part in (inputs, values, weight)))

    def fold(self, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Leaves:
        """Leaves' weights for inputs and values as they are; computed in float64."""
        centre, half, mean, deviation = (
            torch.from_numpy(part) for part in (self.centre, self.half, self.mean, self.deviation)
        )
        up = w1 / half[:, :, None]
        moved = b1 - (centre[:, None] @ up)[:, 0]
        down, out = w2 * deviation[:, None], b2 * deviation + mean
        return Leaves(up.float(), moved.float(), down.float(), out.float())


@dataclass(frozen=True, slots=True)
class _Lists:
    """
    Rows of each leaf, one list behind the other.

    Attributes:
        row: Their numbers, `[r]`.
        weight: Of each one's squared error, `[r]`.
        start: Where each leaf's begin, `[leaves]`.
        rows: How many each leaf has, `[leaves]`.
    """

    row: Rows
    weight: Floats
    start: Rows
    rows: Rows


def _judging(held_out: Rows, last: int, deviation: Floats) -> _Lists:
    """
    The held-out rows of each leaf, weighted so that leaves' errors add up to that of the values.

    Args:
        held_out: Leaf of each of the rows that end at `last`, `[h]`.
        last: Rows of all.
        deviation: That each leaf's values are measured in, `[leaves, o]`.
    """
    order = np.argsort(held_out, kind="stable")
    rows = np.bincount(held_out, minlength=len(deviation))
    variance = (deviation**2).mean(1)
    weight = (variance / variance.mean())[held_out[order]]
    return _Lists(last - len(held_out) + order, weight, np.cumsum(rows) - rows, rows)


def _batches(near: Neighbourhoods, floats_per_row: int) -> Iterator[Rows]:
    """Numbers of leaves that are solved together: alike in their rows, so that few are padded."""
    order = np.argsort(-near.cells.rows, kind="stable")
    start = 0
    while start < len(order):
        most = int(near.cells.rows[order[start]])
        together = max(1, _FLOATS // (most * floats_per_row))
        yield order[start : start + together]
        start += together
