"""How many rows, or tokens, each leaf of a network computes: of every layer that routes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fff.leaf_numbers import one_by_one
from fff.routed_layer import columns_of
from networks.weights import AnyWeights, layers_of

Counts = npt.NDArray[np.int64]
Leaves = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class LayerUse:
    """
    One layer that routes; part of `fff-serve evaluate --json`.

    Attributes:
        name: Of its block in a network; empty of a network that is this one layer.
        leaves: How many it has.
        leaves_used: How many at least one row reached.
        largest_share: Share of the rows that the busiest computes.
    """

    name: str
    leaves: int
    leaves_used: int
    largest_share: float


class LeafCounts:
    """
    Rows of each leaf.

    Args:
        weights: Of the network.
        leaf: Leaf of each row and layer, `[n, layers]`, or of each token too, `[n, layers, t]`;
            below 0 where there is no token.
    """

    def __init__(self, weights: AnyWeights, leaf: Leaves):
        self._layers = layers_of(weights)
        self.rows: list[Counts] = []
        for layer, trees in zip(self._layers, columns_of(self._layers), strict=True):
            of_layer = leaf[:, trees]
            numbers, _ = one_by_one(of_layer, of_layer, layer.leaves)
            self.rows.append(np.bincount(numbers, minlength=layer.leaves))

    @property
    def leaves(self) -> int:
        """Of all layers together; 0 without any."""
        return sum(map(len, self.rows))

    @property
    def used(self) -> int:
        """Leaves of all layers that at least one row reached."""
        return sum(int((rows > 0).sum()) for rows in self.rows)

    @property
    def shares(self) -> list[float]:
        """Of each leaf its share of the layer's rows, layer after layer."""
        return [share for rows in self.rows for share in (rows / max(rows.sum(), 1)).tolist()]

    @property
    def largest_share(self) -> float | None:
        """Of the busiest leaf, times the leaves of its layer: 1 is balanced; None without any."""
        over = [float(rows.max() / max(rows.sum(), 1)) * len(rows) for rows in self.rows]
        return max(over, default=None)

    @property
    def layers(self) -> list[LayerUse]:
        """Of each layer, in order."""
        return [
            LayerUse(
                layer.name,
                layer.leaves,
                int((rows > 0).sum()),
                float(rows.max() / max(rows.sum(), 1)),
            )
            for layer, rows in zip(self._layers, self.rows, strict=True)
        ]
