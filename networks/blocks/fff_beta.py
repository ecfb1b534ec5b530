"""FFF-beta: trees whose nodes are neurons that also route each row, or token, and are summed."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field
from torch import nn

from fff.beta import FFFBeta
from fff.names import TieRule, known_activation
from networks.block import Block, Shape, Width, expect_width, rows_of


class FFFBetaBlock(Block):
    """`fff.beta.FFFBeta`; its depth counts decisions, of neurons a path has one more."""

    type: Literal["fff_beta"] = "fff_beta"
    input_width: Width
    output_width: Width
    depth: Annotated[int, Field(ge=0, le=24)]
    trees: Annotated[int, Field(ge=1, le=1 << 16)] = 1
    activation: Annotated[str, AfterValidator(known_activation)] = "gelu"
    tie: TieRule = "gt"

    @property
    def leaves(self) -> int:
        """`2**d`, of each tree."""
        return 1 << self.depth

    @property
    def routing_trees(self) -> int:
        """All of them."""
        return self.trees

    @classmethod
    def of(cls, name: str, module: nn.Module) -> Self | None:
        """Describe ours."""
        if not isinstance(module, FFFBeta):
            return None
        return cls(
            name=name,
            input_width=module.input_width,
            output_width=module.output_width,
            depth=module.depth,
            trees=module.trees,
            activation=module.activation,
            tie=module.tie,
        )

    def module(self) -> nn.Module:
        """Make ours."""
        sizes = self.input_width, self.output_width, self.depth, self.trees
        return FFFBeta(*sizes, self.activation, self.tie)

    def output(self, shape: Shape) -> Shape:
        """Change the width."""
        expect_width(shape, self.input_width)
        return (*shape[:-1], self.output_width)

    def flops(self, shape: Shape) -> int:
        """Of each row the neurons of its path in each tree."""
        neurons = self.trees * (self.depth + 1)
        return 2 * rows_of(shape) * neurons * (self.input_width + self.output_width)
