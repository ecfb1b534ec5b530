"""From what a manifest says of blocks to what follows from it, without any weights."""

from collections.abc import Sequence

import networks.blocks  # noqa: F401  makes the types of blocks known
from fff.routed_layer import RoutedLayer
from networks import chain
from networks.block import parse_blocks


def routed_layers(blocks: object, input_shape: Sequence[int]) -> tuple[RoutedLayer, ...]:
    """
    Find the layers that route.

    Args:
        blocks: As `networks.block.parse_blocks` takes them.
        input_shape: Of an example.

    Raises:
        BlockError: Blocks that are not known, or wrong.
        ShapeError: A block does not take what the one before it makes.
    """
    return chain.routed_layers(parse_blocks(blocks), tuple(input_shape))


def tokens_of(blocks: object, input_shape: Sequence[int]) -> int:
    """Most rows that a block is given of one example; raises as `routed_layers`."""
    return chain.most_rows(parse_blocks(blocks), tuple(input_shape))
