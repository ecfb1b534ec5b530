"""A layer that routes, without its tensors: what counts of its leaves need to know."""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple


class RoutedLayer(NamedTuple):
    """
    A layer whose rows go to leaves.

    Attributes:
        name: Of its block in a network, with those of the blocks that it is in before it, dots
            between them; empty of a network that is this one layer.
        leaves: How many it has, of all trees together: of each, one after the other.
        rows: How many rows it is given of one example: its tokens, at most; else 1.
        trees: How many a row goes down, to a leaf of each: 1, but for an FFF-beta.
    """

    name: str
    leaves: int
    rows: int
    trees: int = 1


def leaf_shape(layers: tuple[RoutedLayer, ...]) -> tuple[int, ...]:
    """
    Of one example's leaves: `[layers]`, or `[layers, t]` where a layer is given tokens.

    A layer of several trees counts as often.
    """
    tokens = max((layer.rows for layer in layers), default=1)
    trees = sum(layer.trees for layer in layers)
    return (trees,) if tokens == 1 else (trees, tokens)


def columns_of(layers: Sequence[RoutedLayer]) -> list[slice]:
    """Of each layer where its trees are in a leaf's `[layers]`."""
    ends = [*accumulate(layer.trees for layer in layers)]
    return [slice(end - layer.trees, end) for layer, end in zip(layers, ends, strict=True)]
