"""
Where to cut cells: along which direction, and with how many rows on the left.

Each split has a first choice for every cell and others for cells that it cannot cut: an axis whose
rows all lie in one point, say.

Shape letters: n rows in c cells, i inputs, o values.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.field.cells import Cells, Floats


@dataclass(frozen=True, slots=True)
class Cuts:
    """
    Of each cell, where to cut it.

    Attributes:
        normal: Unit vector from left to right, `[c, i]`.
        share: Of its rows that should be left, `[c]`, 0 to 1.
    """

    normal: Floats
    share: Floats


Split = Callable[[Floats, Floats, Cells, int, int], Cuts | None]
"""
Inputs `[n, i]` and values `[n, o]` in the cells' order, the cells, how many choices have failed,
and how many rows both sides must keep, to the next choice; None where there is none left.
"""

_LLOYD_ROUNDS = 10  # two means have settled by then, or nearly


def median(x: Floats, y: Floats, cells: Cells, failed: int, least_rows: int) -> Cuts | None:
    """Half the rows on either side along the cell's longest side, then the next."""
    if failed == x.shape[1]:
        return None
    low, high = cells.box(x)
    axis = np.argsort(low - high, axis=1, kind="stable")[:, failed]
    return Cuts(np.eye(x.shape[1])[axis], np.full(len(axis), 0.5))


def principal(x: Floats, y: Floats, cells: Cells, failed: int, least_rows: int) -> Cuts | None:
    """Half the rows on either side along the direction in which they vary most, then the next."""
    if failed == x.shape[1]:
        return None
    centred = x - cells.mean(x)[cells.cell]
    covariance = cells.sum(centred[:, :, None] * centred[:, None])
    normal = np.linalg.eigh(covariance)[1][:, :, -1 - failed]
    return Cuts(normal, np.full(len(normal), 0.5))


def two_means(x: Floats, y: Floats, cells: Cells, failed: int, least_rows: int) -> Cuts | None:
    """Halfway between the rows' two means, found from principal halves on; then as `principal`."""
    if failed:
        return principal(x, y, cells, failed - 1, least_rows)
    begun = principal(x, y, cells, 0, least_rows)
    assert begun is not None, "a first choice is always there. This is a bug."
    normal, middle = begun.normal, cells.mean(x)
    for _ in range(_LLOYD_ROUNDS):
        right = ((x - middle[cells.cell]) * normal[cells.cell]).sum(1) >= 0
        there = cells.sum(right.astype(np.float64))[:, None]
        on_right = cells.sum(x * right[:, None]) / np.maximum(there, 1)
        on_left = cells.sum(x * ~right[:, None]) / np.maximum(cells.rows[:, None] - there, 1)
        between = on_right - on_left
        length = np.linalg.norm(between, axis=1, keepdims=True)
        moves = (length > 0) & (there > 0) & (there < cells.rows[:, None])
        normal = np.where(moves, between / np.where(length > 0, length, 1), normal)
        middle = np.where(moves, (on_right + on_left) / 2, middle)
    right = ((x - middle[cells.cell]) * normal[cells.cell]).sum(1) >= 0
    return Cuts(normal, 1 - cells.sum(right.astype(np.float64)) / cells.rows)


def error(x: Floats, y: Floats, cells: Cells, failed: int, least_rows: int) -> Cuts | None:
    """
    Half of a plane's squared error on either side along the longest side, then the next.

    Half of the weight is every row's alike: where a plane fits well a cell needs rows too.
    """
    along = median(x, y, cells, failed, least_rows)
    if along is None:
        return None
    missed = _missed_by_plane(x, y, cells)
    mean = cells.mean(missed[:, None])[:, 0]
    weight = missed / np.where(mean > 0, mean, 1)[cells.cell] + 1
    score = (x * along.normal[cells.cell]).sum(1)
    weight = weight[np.lexsort((score, cells.cell))]
    before = np.cumsum(weight)
    whole = cells.sum(weight)
    begun = before[cells.start] - weight[cells.start]
    left = cells.sum((before - begun[cells.cell] <= whole[cells.cell] / 2).astype(np.float64))
    return Cuts(along.normal, left / cells.rows)


def _missed_by_plane(x: Floats, y: Floats, cells: Cells) -> Floats:
    """Squared distance of each row's values from the plane of least squares in its cell, `[n]`."""
    low, high = cells.box(x)
    side = np.where(high > low, high - low, 1)
    local = (x - (low + high)[cells.cell] / 2) / side[cells.cell]
    columns = np.concatenate((np.ones((len(x), 1)), local), 1)  # [n, i + 1]
    squares = cells.sum(columns[:, :, None] * columns[:, None])
    # So small a ridge changes nothing but cells whose rows do not determine a plane.
    squares += 1e-9 * cells.rows[:, None, None] * np.eye(columns.shape[1])
    plane = np.linalg.solve(squares, cells.sum(columns[:, :, None] * y[:, None]))
    missed = y - (columns[:, :, None] * plane[cells.cell]).sum(1)
    squared: Floats = (missed**2).sum(1)
    return squared


def gain(x: Floats, y: Floats, cells: Cells, failed: int, least_rows: int) -> Cuts | None:
    """
    Along whichever axis values' squared error about their sides' means falls most.

    As in regression trees (Breiman et al., 1984); of classes, each a value of 0 or 1, it is Gini's
    impurity that falls. A cell whose values are all alike is not cut.
    """
    if failed:
        return None
    axis, share = np.zeros(len(cells.names), np.int64), np.zeros(len(cells.names))
    place = np.arange(len(x)) - cells.start[cells.cell]  # rows of the cell that are left of it
    beyond = cells.rows[cells.cell] - place
    centred = y - cells.mean(y)[cells.cell]
    # Sums of the same numbers in another order differ by as much as this.
    most = 1e-9 * cells.sum((centred**2).sum(1))
    for each in range(x.shape[1]):
        order = np.lexsort((x[:, each], cells.cell))
        along, values = x[order, each], centred[order]
        left = np.cumsum(values, 0) - values
        left -= left[cells.start][cells.cell]
        fits = (place >= least_rows) & (beyond >= least_rows)
        fits[1:] &= along[1:] > along[:-1]
        # Centred values have a sum of 0, so the right side's is that of the left, negated.
        fall = np.where(fits, (left**2).sum(1) * (1 / np.maximum(place, 1) + 1 / beyond), 0.0)
        largest = np.maximum.reduceat(fall, cells.start)
        better = largest > most
        first = np.flatnonzero((fall == largest[cells.cell]) & better[cells.cell])
        first = first[np.unique(cells.cell[first], return_index=True)[1]]
        axis[better], most[better] = each, largest[better]
        share[better] = place[first] / cells.rows[better]
    return Cuts(np.eye(x.shape[1])[axis] * (share > 0)[:, None], share)


SPLITS: dict[str, Split] = {
    "median": median,
    "principal": principal,
    "two_means": two_means,
    "error": error,
    "gain": gain,
}
