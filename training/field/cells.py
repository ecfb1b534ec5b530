"""
Rows in groups, one behind the other: what is done for each group is done for all at once.

Covered:      sums, extremes and means of groups, by NumPy's `reduceat`.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Inputs = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cells:
    """
    `n` rows in groups, each of at least one row.

    Attributes:
        names: Of each group, `[cells]`, ascending.
        order: Numbers of the rows, group by group, `[n]`; in a group as they were.
        cell: Of each row in this order, the place of its group in `names`, `[n]`.
        start: Where each group's rows begin, `[cells]`.
        rows: How many each group has, `[cells]`.
    """

    names: Rows
    order: Rows
    cell: Rows
    start: Rows
    rows: Rows

    @classmethod
    def of(cls, name: Rows) -> Self:
        """Group rows by a name of each, `[n]`."""
        order = np.argsort(name, kind="stable")
        names, start, cell, rows = np.unique(
            name[order], return_index=True, return_inverse=True, return_counts=True
        )
        return cls(names, order, cell, start, rows)

    def sum(self, numbers: Floats) -> Floats:
        """Of each group, `[cells, …]`, of what the rows in order have, `[n, …]`."""
        sums: Floats = np.add.reduceat(numbers, self.start, axis=0)
        return sums

    def mean(self, numbers: Floats) -> Floats:
        """Of each group, `[cells, k]`, of what the rows in order have, `[n, k]`."""
        return self.sum(numbers) / self.rows[:, None]

    def box(self, points: Floats) -> tuple[Floats, Floats]:
        """Lowest and highest of each group, `[cells, i]` each, of points in order, `[n, i]`."""
        low: Floats = np.minimum.reduceat(points, self.start, axis=0)
        high: Floats = np.maximum.reduceat(points, self.start, axis=0)
        return low, high
