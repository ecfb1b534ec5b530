"""What tells a token from another by its place: learnt numbers, added to it."""

from typing import Literal, Self

import torch
from torch import Tensor, nn

from fff.shapes import ShapeError
from networks.block import Block, Shape, Width, expect_width


class PositionEmbedding(nn.Module):
    """
    A learnt vector for each place, added.

    Args:
        length: Most tokens of an example.
        width: Of a token.
    """

    def __init__(self, length: int, width: int):
        super().__init__()
        # A deviation of 0.02: as BERT and the vision transformer begin.
        self.weight = nn.Parameter(torch.empty(length, width).normal_(0, 0.02))

    def forward(self, x: Tensor) -> Tensor:
        """`[n, t, w]` to the same, for any `t` up to the length."""
        return x + self.weight[: x.shape[1]]


class PositionEmbeddingBlock(Block):
    """Learnt places of tokens."""

    type: Literal["position_embedding"] = "position_embedding"
    length: Width
    width: Width

    @classmethod
    def of(cls, name: str, module: nn.Module) -> Self | None:
        """Describe ours."""
        if not isinstance(module, PositionEmbedding):
            return None
        length, width = module.weight.shape
        return cls(name=name, length=length, width=width)

    def module(self) -> nn.Module:
        """Make ours."""
        return PositionEmbedding(self.length, self.width)

    def output(self, shape: Shape) -> Shape:
        """Keep the shape, of tokens for which there are places."""
        expect_width(shape, self.width)
        if len(shape) != 2 or shape[0] > self.length:
            raise ShapeError(
                f"must be given up to {self.length} tokens of {self.width}, got shape {list(shape)}"
            )
        return shape
