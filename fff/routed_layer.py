"""A layer that routes, without its tensors: what counts of its leaves need to know."""

from typing import NamedTuple


class RoutedLayer(NamedTuple):
    """
    A layer whose rows go to leaves.

    Attributes:
        name: Of its block in a network, with those of the blocks that it is in before it, dots
            between them; empty of a network that is this one layer.
        leaves: How many it has.
        rows: How many rows it is given of one example: its tokens, at most; else 1.
    """

    name: str
    leaves: int
    rows: int


def leaf_shape(layers: tuple[RoutedLayer, ...]) -> tuple[int, ...]:
    """Of one example's leaves: `[layers]`, or `[layers, t]` where a layer is given tokens."""
    tokens = max((layer.rows for layer in layers), default=1)
    return (len(layers),) if tokens == 1 else (len(layers), tokens)
