"""From the tokens of an example to one row: their mean, or the first of them."""

from typing import Literal, Self

from torch import Tensor, nn

from fff.shapes import ShapeError
from networks.block import Block, Shape
from networks.run import InRun, Run

How = Literal["mean", "first"]


class Pooling(InRun):
    """
    One row of all tokens.

    Args:
        how: `mean`, of the tokens that there are, or `first`.

    Raises:
        ValueError: Another way.
    """

    def __init__(self, how: How = "mean"):
        super().__init__()
        if how not in ("mean", "first"):
            raise ValueError(f"how must be mean or first, got {how!r}")
        self.how: How = how

    def forward(self, x: Tensor, run: Run | None = None) -> Tensor:
        """`[n, t, w]` to `[n, w]`."""
        if self.how == "first":
            return x[:, 0]
        if run is None or run.mask is None:
            return x.mean(1)
        there = run.mask[..., None]  # [n, t, 1]
        return x.masked_fill(~there, 0).sum(1) / there.sum(1)


class PoolingBlock(Block):
    """Before the head of a network that answers for an example, not for each token."""

    type: Literal["pooling"] = "pooling"
    how: How

    @classmethod
    def of(cls, name: str, module: nn.Module) -> Self | None:
        """Describe ours."""
        return cls(name=name, how=module.how) if isinstance(module, Pooling) else None

    def module(self) -> nn.Module:
        """Make ours."""
        return Pooling(self.how)

    def output(self, shape: Shape) -> Shape:
        """Leave one row."""
        if len(shape) != 2:
            raise ShapeError(f"must be given tokens, [t, w], got shape {list(shape)}")
        return shape[1:]
