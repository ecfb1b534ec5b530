"""A fast feedforward layer (FFF-alpha): a tree that routes each row, or token, to one leaf."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field
from torch import nn

from fff.layers import FFF
from fff.names import TieRule, known_activation
from networks.block import Block, Shape, Width, expect_width, rows_of


class FFFBlock(Block):
    """`fff.layers.FFF`; fields as in the manifest of a single layer."""

    type: Literal["fff"] = "fff"
    input_width: Width
    output_width: Width
    depth: Annotated[int, Field(ge=0, le=24)]
    leaf_width: Width
    master_width: Annotated[int, Field(ge=0)] = 0
    activation: Annotated[str, AfterValidator(known_activation)]
    tie: TieRule = "ge"

    @property
    def leaves(self) -> int:
        """`2**d`."""
        return 1 << self.depth

    @classmethod
    def of(cls, name: str, module: nn.Module) -> Self | None:
        """Describe ours."""
        if not isinstance(module, FFF):
            return None
        return cls(
            name=name,
            input_width=module.input_width,
            output_width=module.output_width,
            depth=module.depth,
            leaf_width=module.leaf_width,
            master_width=module.master_width,
            activation=module.activation,
            tie=module.tie,
        )

    def module(self) -> nn.Module:
        """Make ours."""
        sizes = self.input_width, self.output_width, self.depth, self.leaf_width
        return FFF(*sizes, self.activation, self.master_width, tie=self.tie)

    def output(self, shape: Shape) -> Shape:
        """Change the width."""
        expect_width(shape, self.input_width)
        return (*shape[:-1], self.output_width)

    def flops(self, shape: Shape) -> int:
        """Of each row its path, its leaf and the master leaf."""
        i, widths = self.input_width, self.leaf_width + self.master_width
        return rows_of(shape) * 2 * (self.depth * i + widths * (i + self.output_width))
