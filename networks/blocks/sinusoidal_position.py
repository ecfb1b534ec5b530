"""What tells a token from another by its place: sines and cosines (arXiv:1706.03762, 3.5)."""

import math
from functools import lru_cache
from typing import Annotated, Literal, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from fff.shapes import ShapeError
from networks.block import Block, Shape, Width, expect_width


class SinusoidalPosition(nn.Module):
    """
    Sines of each place in even numbers of a token and cosines in odd ones, scaled, and added.

    The scale is learnt, one number for all, as crammed BERT has it (arXiv:2212.14034). Any length
    is taken.

    Args:
        width: Of a token, even.

    Raises:
        ValueError: If the width is odd.
    """

    def __init__(self, width: int):
        super().__init__()
        if width % 2:
            raise ValueError(f"width must be even, got {width}")
        self.width = width
        self.scale = nn.Parameter(torch.full((1,), width**-0.5))

    def forward(self, x: Tensor) -> Tensor:
        """`[n, t, w]` to the same."""
        return x + self.scale * _waves(x.shape[1], self.width, x.device, x.dtype)


@lru_cache(maxsize=64)
def _waves(t: int, width: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Of each place, `[t, w]`; computed once for each length that batches have."""
    with torch.inference_mode(False):  # a network that is served may be trained on
        return _computed_waves(t, width).to(device, dtype)


def _computed_waves(t: int, width: int) -> Tensor:
    places = torch.arange(t, dtype=torch.float64)[:, None]
    rates = torch.exp(torch.arange(0, width, 2, dtype=torch.float64) * (-math.log(1e4) / width))
    angles = places * rates  # [t, w / 2]
    return torch.stack([angles.sin(), angles.cos()], 2).view(t, width)


class SinusoidalPositionBlock(Block):
    """Places of tokens that are not learnt, but for how much they count."""

    type: Literal["sinusoidal_position"] = "sinusoidal_position"
    width: Annotated[Width, Field(multiple_of=2)]

    @classmethod
    def of(cls, name: str, module: nn.Module) -> Self | None:
        """Describe ours."""
        return (
            cls(name=name, width=module.width) if isinstance(module, SinusoidalPosition) else None
        )

    def module(self) -> nn.Module:
        """Make ours."""
        return SinusoidalPosition(self.width)

    def output(self, shape: Shape) -> Shape:
        """Keep the shape, of tokens."""
        expect_width(shape, self.width)
        if len(shape) != 2:
            raise ShapeError(f"must be given tokens, [t, {self.width}], got shape {list(shape)}")
        return shape
