"""A linear layer, of rows or of each token; the head of most networks."""

from typing import Literal, Self

from torch import nn

from networks.block import Block, Shape, Width, expect_width, rows_of


class Linear(Block):
    """`x @ weight.T + bias`, as `torch.nn.Linear`."""

    type: Literal["linear"] = "linear"
    input_width: Width
    output_width: Width
    bias: bool = True

    @classmethod
    def of(cls, name: str, module: nn.Module) -> Self | None:
        """Describe a `torch.nn.Linear`."""
        if type(module) is not nn.Linear:
            return None
        return cls(
            name=name,
            input_width=module.in_features,
            output_width=module.out_features,
            bias=module.bias is not None,
        )

    def module(self) -> nn.Module:
        """Make a `torch.nn.Linear`."""
        return nn.Linear(self.input_width, self.output_width, self.bias)

    def output(self, shape: Shape) -> Shape:
        """Change the width."""
        expect_width(shape, self.input_width)
        return (*shape[:-1], self.output_width)

    def flops(self, shape: Shape) -> int:
        """`2 i o` a row."""
        return 2 * rows_of(shape) * self.input_width * self.output_width
