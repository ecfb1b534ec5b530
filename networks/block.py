"""
What a block of a network is: a description that a manifest holds, and the module that computes it.

A network is a sequence of blocks. Each has a name, under which its weights are stored, and a type,
of which there is one file in `networks/blocks`. To add one, write that file and import it in
`networks/blocks/__init__.py`: nothing else knows the types.

Shapes are those of one example, without the batch: `(i,)` of a row, `(c, h, w)` of an image,
`(t,)` of token ids, `(t, w)` of tokens, of which an example may have fewer.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import nn

from fff.shapes import ShapeError

Shape = tuple[int, ...]
Width = Annotated[int, Field(ge=1, le=1 << 31)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$")]
"""Without a dot: one stands between the name of a block and those of what is inside it."""

_MOST_NESTING = 8
_MOST_BLOCKS = 1024  # beside each other: the deepest networks that people train have some hundreds


class BlockError(ValueError):
    """Blocks that make no network; the message names the block, and what was expected of it."""


class Block(BaseModel):
    """
    One block as a manifest describes it; each subclass is a type.

    Attributes:
        name: Its own among its neighbours.
        type: The subclass's own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    types: ClassVar[dict[str, type["Block"]]] = {}

    name: Name
    type: str

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Make a new type known."""
        Block.types[cls.model_fields["type"].default] = cls

    @property
    def leaves(self) -> int:
        """How many leaves it routes rows to, of each of its trees; 0 if it does not route."""
        return 0

    @property
    def routing_trees(self) -> int:
        """Of a block that routes: how many trees a row goes down."""
        return 1

    @property
    def inside(self) -> Sequence["Block"]:
        """Blocks that it is made of, one after the other; none of most."""
        return ()

    @classmethod
    def of(cls, name: str, module: nn.Module) -> Self | None:
        """Describe a module; None where it is not of this type."""
        raise NotImplementedError

    def module(self) -> nn.Module:
        """Make what computes it, with weights as they are before any training."""
        raise NotImplementedError

    def output(self, shape: Shape) -> Shape:
        """
        Say which shape it makes of a shape.

        Raises:
            ShapeError: If it does not take such a shape.
        """
        raise NotImplementedError

    def flops(self, shape: Shape) -> int:
        """Multiplications and additions of one example of a shape; of matrix products alone."""
        return 0


def expect_width(shape: Shape, width: int) -> None:
    """
    Refuse a shape of another width.

    Raises:
        ShapeError: Naming both.
    """
    if not shape or shape[-1] != width:
        raise ShapeError(f"must be given a width of {width}, got shape {list(shape)}")


def rows_of(shape: Shape) -> int:
    """How many rows of numbers an example of a shape is: its tokens, or 1."""
    return shape[0] if len(shape) == 2 else 1


def parse_blocks(value: object, within: str = "", nesting: int = 0) -> tuple[Block, ...]:
    """
    Make blocks of a list of objects, as JSON has them, or of blocks.

    Args:
        value: The list.
        within: Name of the block whose own they are, with a dot behind it; empty for a network's.
        nesting: How many blocks they are inside of.

    Raises:
        BlockError: A type that is not known, a field that is wrong, or two blocks of one name.
    """
    if nesting > _MOST_NESTING:
        raise BlockError(f"{within}: blocks may lie in {_MOST_NESTING} others, not in more")
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= _MOST_BLOCKS:
        raise BlockError(f"{within or 'network'}: blocks must be a list of 1 to {_MOST_BLOCKS}")
    blocks = tuple(_parse_block(block, within, nesting) for block in value)
    names = [block.name for block in blocks]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BlockError(f"{within}{twice}: two blocks have this name")
    return blocks


def _parse_block(value: object, within: str, nesting: int) -> Block:
    if isinstance(value, Block):
        return value
    if not isinstance(value, Mapping):
        raise BlockError(f"{within or 'network'}: a block must be an object, got {value!r:.80}")
    label = f"{within}{value.get('name', '?')!s:.64}"
    type_ = value.get("type")
    if not isinstance(type_, str) or type_ not in Block.types:
        known = ", ".join(sorted(Block.types))
        raise BlockError(f"{label}: block {type_!r:.80} is not known; known are {known}")
    fields = dict(value)
    if "blocks" in fields:
        fields["blocks"] = parse_blocks(fields["blocks"], f"{label}.", nesting + 1)
    try:
        return Block.types[type_].model_validate(fields)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or type_
        raise BlockError(f"{label}: {field}: {first['msg']:.200}") from exc
