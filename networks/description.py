"""From what a manifest says of blocks to what follows from it, without any weights."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

import networks.blocks  # noqa: F401  makes the types of blocks known
from fff.routed_layer import RoutedLayer
from networks import chain
from networks.block import Shape, parse_blocks


class PlacedBlock(NamedTuple):
    """
    A block where it stands.

    Attributes:
        name: With those of the blocks that it is in before it, dots between them.
        type: Its own.
        given: Shape of an example that it is given.
        made: Shape that it makes of it.
        weights: How many numbers it has learnt, with those of the blocks in it.
    """

    name: str
    type: str
    given: Shape
    made: Shape
    weights: int


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


def blocks_in_place(blocks: object, input_shape: Sequence[int]) -> tuple[PlacedBlock, ...]:
    """Every block, and behind each those that it is made of; raises as `routed_layers`."""
    with torch.device("meta"):  # only counted
        return tuple(
            PlacedBlock(
                name,
                block.type,
                given,
                block.output(given),
                sum(p.numel() for p in block.module().parameters()),
            )
            for name, block, given in chain.walk(parse_blocks(blocks), tuple(input_shape))
        )
