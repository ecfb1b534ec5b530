"""Multi-head attention of each token to all tokens of its example (arXiv:1706.03762, 3.2)."""

from typing import Literal, Self

import torch.nn.functional as F
from pydantic import model_validator
from torch import Tensor, nn

from fff.shapes import ShapeError
from networks.block import Block, Shape, Width, expect_width
from networks.run import InRun, Run


class Attention(InRun):
    """
    Scaled dot-product attention with as many heads, and an output projection.

    Args:
        width: Of a token, a multiple of `heads`.
        heads: How many.
        bias: Of both projections.

    Raises:
        ValueError: If the width is no multiple of the heads.
    """

    def __init__(self, width: int, heads: int, bias: bool = True):
        super().__init__()
        if heads < 1 or width % heads:
            raise ValueError(f"width must be a multiple of heads, got {width} and {heads}")
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width, bias)
        self.project = nn.Linear(width, width, bias)

    def forward(self, x: Tensor, run: Run | None = None) -> Tensor:
        """`[n, t, w]` to the same; tokens that are not there are attended by none."""
        n, t, width = x.shape
        heads = self.query_key_value(x).view(n, t, 3, self.heads, width // self.heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # [n, heads, t, w / heads] each
        mask = None if run is None or run.mask is None else run.mask[:, None, None]
        mixed = F.scaled_dot_product_attention(query, key, value, mask)
        projected: Tensor = self.project(mixed.transpose(1, 2).reshape(n, t, width))
        return projected


class AttentionBlock(Block):
    """Attention among the tokens of an example."""

    type: Literal["attention"] = "attention"
    width: Width
    heads: Width
    bias: bool = True

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} must be a multiple of heads {self.heads}")
        return self

    @classmethod
    def of(cls, name: str, module: nn.Module) -> Self | None:
        """Describe ours."""
        if not isinstance(module, Attention):
            return None
        project = module.project
        return cls(
            name=name,
            width=project.in_features,
            heads=module.heads,
            bias=project.bias is not None,
        )

    def module(self) -> nn.Module:
        """Make ours."""
        return Attention(self.width, self.heads, self.bias)

    def output(self, shape: Shape) -> Shape:
        """Keep the shape, of tokens."""
        expect_width(shape, self.width)
        if len(shape) != 2:
            raise ShapeError(f"must be given tokens, [t, {self.width}], got shape {list(shape)}")
        return shape

    def flops(self, shape: Shape) -> int:
        """`8 t w^2` for the projections, and `4 t^2 w` for scores and sums."""
        t = shape[0]
        return 8 * t * self.width**2 + 4 * t * t * self.width
