"""
Leaves of a layer one by one, to be counted, whatever their shape.

Needs NumPy alone: whoever counts leaves need not know PyTorch.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Numbers = TypeVar("Numbers", bound=np.generic)


def one_by_one(
    leaf: npt.NDArray[np.int32], beside: npt.NDArray[Numbers], leaves: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[Numbers]]:
    """
    Lay leaves out in a row, and beside them what is known of each.

    Args:
        leaf: Of one layer: `[n]`, or of each of its trees, `[n, trees]`, or of each token too,
            `[n, trees, t]`; below 0 where there is no token.
        beside: As many numbers, such as margins.
        leaves: How many the layer has, of all its trees together.

    Returns:
        Leaves that are there, each with its number among all of the layer's, and what is beside
        them, `[m]` each.
    """
    if leaf.ndim < 3 and leaf.size == len(leaf):  # of rows, in one tree
        return leaf.reshape(-1), beside.reshape(-1)
    trees = leaf.shape[1]
    first = np.arange(0, leaves, leaves // trees, dtype=np.int32)  # of each tree
    there = leaf >= 0
    numbers = leaf + (first if leaf.ndim == 2 else first[:, None])
    return numbers[there], beside[there]
