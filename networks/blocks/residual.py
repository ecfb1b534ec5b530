"""A chain of blocks, what it makes of its input added to the input."""

from typing import Any, Literal, Self

from pydantic import field_serializer, field_validator
from torch import Tensor, nn

from fff.shapes import ShapeError
from networks.block import Block, Shape, parse_blocks
from networks.chain import blocks_of, flops_of, modules_of, output_of
from networks.run import Chain, Run


class Residual(Chain):
    """`x + chain(x)`; made of modules, as `torch.nn.Sequential` is."""

    def forward(self, x: Tensor, run: Run | None = None) -> Tensor:
        """Any shape to the same."""
        return x + super().forward(x, run)


class ResidualBlock(Block):
    """Blocks whose output is added to their input."""

    type: Literal["residual"] = "residual"
    blocks: tuple[Block, ...]

    @field_validator("blocks", mode="plain")
    @classmethod
    def _parsed(cls, value: Any) -> tuple[Block, ...]:
        return parse_blocks(value)

    @field_serializer("blocks")
    def _described(self, blocks: tuple[Block, ...]) -> list[dict[str, Any]]:
        return [block.model_dump(mode="json") for block in blocks]  # each as its own type

    @property
    def inside(self) -> tuple[Block, ...]:
        """What is added to the input."""
        return self.blocks

    @classmethod
    def of(cls, name: str, module: nn.Module) -> Self | None:
        """Describe ours."""
        if not isinstance(module, Residual):
            return None
        return cls(name=name, blocks=blocks_of(module, f"{name}."))

    def module(self) -> nn.Module:
        """Make ours."""
        return Residual(modules_of(self.blocks))

    def output(self, shape: Shape) -> Shape:
        """Keep the shape, which the blocks must keep."""
        inside = output_of(self.blocks, shape)
        if inside != shape:
            raise ShapeError(f"blocks must keep the shape {list(shape)}, got {list(inside)}")
        return shape

    def flops(self, shape: Shape) -> int:
        """Those of the blocks."""
        return flops_of(self.blocks, shape)
