"""
Which rows a leaf learns from: its own, and those a little beyond its cell.

Neighbours that learn the rows on both sides of their border agree there, though nothing makes
them: this is the overlap of domain decomposition (Moseley et al., arXiv:2107.07871, use it for
networks). A cell of few rows borrows the nearest ones.

Covered:      cells of any shape, by the box around their rows; inputs of one scale.
Not covered:  a border that is exactly continuous: what is left is measured
              (`training.field.continuity`).
"""

from dataclasses import dataclass
from itertools import chain

import numpy as np
from scipy.spatial import cKDTree

from training.field.cells import Cells, Floats, Inputs, Rows

PLANES = 4
"""A leaf learns from so many times the rows that determine a plane, at least."""


@dataclass(frozen=True, slots=True)
class Neighbourhoods:
    """
    What each leaf learns from.

    Attributes:
        cells: By leaf, of rows that may be in several.
        row: Numbers of the rows, leaf by leaf, `[r]`.
        weight: Of each in the leaf's loss, `[r]`: 1 of the leaf's own.
        centre: Of the box around a leaf's rows, `[leaves, i]`.
        half: Half its sides, `[leaves, i]`, above 0.
    """

    cells: Cells
    row: Rows
    weight: Floats
    centre: Floats
    half: Floats


def neighbourhoods(x: Inputs, own: Cells, overlap: float, weight: float) -> Neighbourhoods:
    """
    Find each leaf's neighbourhood.

    Args:
        x: Inputs, `[n, i]`.
        own: Rows by leaf.
        overlap: How far beyond a cell, in halves of its sides.
        weight: Of a row at the border, 0 to 1; it falls linearly to 0 at the overlap's end.
    """
    points = x.astype(np.float64)
    tree = cKDTree(points)
    smallest = 1e-6 * np.maximum(np.ptp(points, 0), 1e-6)
    centre, half = _centred(*own.box(points[own.order]), smallest)
    along = np.maximum(2.0, own.rows ** (1 / x.shape[1]))[:, None]
    half = half * along / (along - 1)  # of the cell, if rows lie in a regular grid
    leaf, row, weights = own.cell, own.order, np.ones(len(x))
    if overlap and weight:
        beyond, near = _within(tree, centre, (1 + overlap) * half.max(1))
        foreign = own.cell[np.argsort(own.order)][near] != beyond
        beyond, near = beyond[foreign], near[foreign]
        distance = (np.abs(points[near] - centre[beyond]) / half[beyond]).max(1, initial=0.0)
        taper = weight * np.clip((1 + overlap - distance) / overlap, 0, 1)
        leaf = np.concatenate((leaf, beyond[taper > 0]))
        row = np.concatenate((row, near[taper > 0]))
        weights = np.concatenate((weights, taper[taper > 0]))
    least = min(len(x), PLANES * (x.shape[1] + 1))
    thin = np.flatnonzero(np.bincount(leaf, minlength=len(centre)) < least)
    if len(thin) and weight:
        near = tree.query(centre[thin], least)[1].reshape(-1)
        beyond = np.repeat(thin, least)
        new = ~np.isin(beyond * len(x) + near, leaf * len(x) + row)
        leaf, row = np.concatenate((leaf, beyond[new])), np.concatenate((row, near[new]))
        weights = np.concatenate((weights, np.full(int(new.sum()), weight)))
    cells = Cells.of(leaf)
    row = row[cells.order]
    return Neighbourhoods(
        cells, row, weights[cells.order], *_centred(*cells.box(points[row]), smallest)
    )


def _within(tree: cKDTree, centre: Floats, radius: Floats) -> tuple[Rows, Rows]:
    """Which rows lie within a distance of which centre along every axis: of all, pairs of both."""
    found = tree.query_ball_point(centre, radius, p=np.inf, return_sorted=False)
    counts = np.fromiter(map(len, found), np.int64, len(found))
    rows = np.fromiter(chain.from_iterable(found), np.int64, int(counts.sum()))
    return np.repeat(np.arange(len(centre)), counts), rows


def _centred(low: Floats, high: Floats, smallest: Floats) -> tuple[Floats, Floats]:
    return (low + high) / 2, np.maximum((high - low) / 2, smallest)
