"""When can float32 overflow on a row? As `fff.overflow`, for networks of blocks too."""

from collections.abc import Mapping

from fff.overflow import largest_safe_input as largest_of_layer
from networks.weights import AnyWeights, NetworkWeights

_SAFE = 1e4
"""
Of blocks: what pixels and scaled columns are far below. Sums on the way are not bounded, as
`fff.overflow` does for a layer: attention and normalisation keep them, whatever goes in, near 1.
"""


def largest_safe_input(w: AnyWeights, largest: Mapping[str, float]) -> float:
    """Bound a row's numbers, in absolute value, so that float32 does not overflow on it."""
    return _SAFE if isinstance(w, NetworkWeights) else largest_of_layer(w, largest)
