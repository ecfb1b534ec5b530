"""
A tree grown from the rows it is for: every node cuts a cell of them in two.

Unlike a decision tree's, a cut decides nothing about the answer; it shares the rows out so that
each leaf has a small region to be right about. Where no cut leaves enough rows on both sides the
tree ends early: the nodes below have no boundary, and send every row right.

Covered:      cuts along an axis and oblique ones, rows with the same coordinates; a level of nodes
              at a time, so that growing costs the same for many nodes as for few.
Not covered:  where to cut (`training.field.splits`), what leaves answer (`training.field.leaves`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.field.cells import Cells, Floats, Inputs, Rows
from training.field.splits import SPLITS, Split


@dataclass(frozen=True, slots=True)
class Tree:
    """
    A tree of `2**d - 1` nodes, grown from `n` rows.

    Attributes:
        node_weight: Unit normals, `[2**d - 1, i]`, float32; 0 of a node without a boundary.
        node_bias: `[2**d - 1]`, float32.
    """

    node_weight: npt.NDArray[np.float32]
    node_bias: npt.NDArray[np.float32]

    def leaf_of(self, x: Inputs) -> Rows:
        """Leaf of each row, `[n]`, of inputs `[n, i]`."""
        node, wide = np.zeros(len(x), np.int64), x.astype(np.float64)
        while node.size and node[0] < len(self.node_weight):
            score = (wide * self.node_weight[node]).sum(1) + self.node_bias[node]
            node = 2 * node + 1 + (score >= 0)
        return node - len(self.node_weight)


def grow(x: Inputs, y: Floats, depth: int, splits: str, least_rows: int) -> Tree:
    """
    Grow a tree.

    Args:
        x: Inputs, `[n, i]`.
        y: Values, `[n, o]`, which the splits `error` and `gain` alone look at.
        depth: `d`.
        splits: A name of `SPLITS`.
        least_rows: That both sides of a cut keep.
    """
    weight = np.zeros((2**depth - 1, x.shape[1]), np.float32)
    bias = np.ones(2**depth - 1, np.float32)
    node = np.zeros(len(x), np.int64)
    for _ in range(depth):
        _cut(x, y, node, SPLITS[splits], least_rows, weight, bias)
        score = (x.astype(np.float64) * weight[node]).sum(1) + bias[node]
        node = 2 * node + 1 + (score >= 0)
    return Tree(weight, bias)


def _cut(
    x: Inputs,
    y: Floats,
    node: Rows,
    split: Split,
    least_rows: int,
    weight: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
) -> None:
    """Cut each row's node by the first split that leaves enough rows on both sides, if one does."""
    open_rows = np.flatnonzero(np.bincount(node)[node] >= 2 * least_rows)
    attempt = 0
    while len(open_rows):
        cells = Cells.of(node[open_rows])
        rows = open_rows[cells.order]
        wide = x[rows].astype(np.float64)
        proposed = split(wide, y[rows], cells, attempt, least_rows)
        if proposed is None:
            return
        normal = proposed.normal.astype(np.float32)
        score = (wide * normal[cells.cell]).sum(1)
        threshold = _thresholds(score, proposed.share, cells, least_rows)
        right = cells.sum((score - threshold[cells.cell] >= 0).astype(np.float64))
        good = np.minimum(right, cells.rows - right) >= least_rows  # and so not of a NaN
        weight[cells.names[good]] = normal[good]
        bias[cells.names[good]] = -threshold[good]
        open_rows = rows[~good[cells.cell]]
        attempt += 1


def _thresholds(
    score: Floats, share: Floats, cells: Cells, least_rows: int
) -> npt.NDArray[np.float32]:
    """
    Of each cell, between two different scores: those nearest to where its share lies.

    Args:
        score: `[n]`.
        share: Of rows that should be left of it, `[cells]`.
        cells: The rows'.
        least_rows: That both sides keep.

    Returns:
        `[cells]`; NaN where there is none.
    """
    order = np.lexsort((score, cells.cell))
    score = score[order]
    place = np.arange(len(score)) - cells.start[cells.cell]
    fits = (place >= least_rows) & (place <= cells.rows[cells.cell] - least_rows)
    fits[1:] &= score[1:] > score[:-1]
    first = np.flatnonzero(fits)
    cell = cells.cell[first]
    distance = np.abs(place[first] - share[cell] * cells.rows[cell])
    best = first[np.lexsort((distance, cell))]
    found, nearest = np.unique(cells.cell[best], return_index=True)
    at = best[nearest]
    middle = ((score[at - 1] + score[at]) / 2).astype(np.float32)
    # Two scores so near that float32 has nothing between them: the higher one is right then.
    between = (score[at - 1] < middle) & (middle <= score[at])
    thresholds = np.full(len(cells.names), np.nan, np.float32)
    thresholds[found] = np.where(between, middle, score[at].astype(np.float32))
    return thresholds
