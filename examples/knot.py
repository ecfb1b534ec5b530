"""
A field as a Python function: how far a point is from a trefoil knot, as a neural shape is trained.

    fff-serve train field --data examples.knot:distance --name knot
"""

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

Array = npt.NDArray[np.float64]

_TURN = np.linspace(0, 2 * np.pi, 20_000, endpoint=False)
_KNOT = cKDTree(
    np.stack(
        (
            np.sin(_TURN) + 2 * np.sin(2 * _TURN),
            np.cos(_TURN) - 2 * np.cos(2 * _TURN),
            -np.sin(3 * _TURN),
        ),
        1,
    )
    / 3.5
)
RADIUS = 0.12  # of the rope


def distance(x: Array, y: Array, z: Array) -> Array:
    """From the rope's surface, below 0 inside; the cube [-1, 1] holds the knot."""
    nearest: Array = _KNOT.query(np.stack((x, y, z), 1))[0]
    return nearest - RADIUS
