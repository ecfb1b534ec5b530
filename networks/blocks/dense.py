"""The dense feedforward block of a transformer: what an FFF takes the place of."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator
from torch import nn

from fff.layers import Dense
from fff.names import known_activation
from networks.block import Block, Shape, Width, expect_width, rows_of


class DenseBlock(Block):
    """`act(x @ w1 + b1) @ w2 + b2`, as `fff.layers.Dense`."""

    type: Literal["dense"] = "dense"
    input_width: Width
    output_width: Width
    hidden_width: Width
    activation: Annotated[str, AfterValidator(known_activation)]

    @classmethod
    def of(cls, name: str, module: nn.Module) -> Self | None:
        """Describe ours."""
        if not isinstance(module, Dense):
            return None
        input_width, hidden_width = module.w1.shape
        return cls(
            name=name,
            input_width=input_width,
            output_width=module.w2.shape[1],
            hidden_width=hidden_width,
            activation=module.activation,
        )

    def module(self) -> nn.Module:
        """Make ours."""
        return Dense(self.input_width, self.output_width, self.hidden_width, self.activation)

    def output(self, shape: Shape) -> Shape:
        """Change the width."""
        expect_width(shape, self.input_width)
        return (*shape[:-1], self.output_width)

    def flops(self, shape: Shape) -> int:
        """`2 w (i + o)` a row."""
        return 2 * rows_of(shape) * self.hidden_width * (self.input_width + self.output_width)
