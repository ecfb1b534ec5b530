"""
Blocks one after the other: their shapes, and back from modules to blocks.

What is inside another block is such a chain, as a network itself is.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence

from torch import nn

from fff.routed_layer import RoutedLayer
from fff.shapes import ShapeError
from networks.block import Block, BlockError, Shape, rows_of


def modules_of(blocks: Sequence[Block]) -> "OrderedDict[str, nn.Module]":
    """Make each block's module, by its name."""
    return OrderedDict((block.name, block.module()) for block in blocks)


def blocks_of(modules: nn.Sequential, within: str = "") -> tuple[Block, ...]:
    """
    Describe modules, each by the type of block that knows it.

    Args:
        modules: Of torch or of ours, by their names.
        within: Name of what they are in, with a dot behind it; for messages.

    Raises:
        BlockError: Naming the module that no block is for.
    """
    return tuple(_block_of(name, module, within) for name, module in modules.named_children())


def _block_of(name: str, module: nn.Module, within: str) -> Block:
    for type_ in Block.types.values():
        block = type_.of(name, module)
        if block is not None:
            return block
    known = ", ".join(sorted(Block.types))
    raise BlockError(f"{within}{name}: no block is made of {module!r:.200}; known are {known}")


def output_of(blocks: Sequence[Block], shape: Shape) -> Shape:
    """
    Say which shape blocks make of a shape.

    Raises:
        ShapeError: Naming the block that does not take what it is given.
    """
    for block in blocks:
        try:
            shape = block.output(shape)
        except ShapeError as exc:
            raise ShapeError(f"{block.name}: {exc}") from exc
    return shape


def flops_of(blocks: Sequence[Block], shape: Shape) -> int:
    """Multiplications and additions of one example of a shape, of matrix products alone."""
    total = 0
    for block in blocks:
        total += block.flops(shape)
        shape = block.output(shape)
    return total


def most_rows(blocks: Sequence[Block], shape: Shape) -> int:
    """Most rows that a block is given of one example: its tokens; else 1."""
    return max(rows_of(given) for _, _, given in walk(blocks, shape))


def routed_layers(blocks: Sequence[Block], shape: Shape) -> tuple[RoutedLayer, ...]:
    """The layers that route, in order."""
    return tuple(
        RoutedLayer(name, block.routing_trees * block.leaves, rows_of(given), block.routing_trees)
        for name, block, given in walk(blocks, shape)
        if block.leaves
    )


def walk(
    blocks: Sequence[Block], shape: Shape, within: str = ""
) -> Iterator[tuple[str, Block, Shape]]:
    """Each block, those inside others too, with its whole name and the shape it is given."""
    for block in blocks:
        name = f"{within}{block.name}"
        yield name, block, shape
        yield from walk(block.inside, shape, f"{name}.")
        shape = block.output(shape)
