"""Layer normalisation, of rows or of each token."""

from typing import Annotated, Literal, Self

from pydantic import Field
from torch import nn

from networks.block import Block, Shape, Width, expect_width


class LayerNorm(Block):
    """As `torch.nn.LayerNorm` over the width, with weights."""

    type: Literal["layer_norm"] = "layer_norm"
    width: Width
    eps: Annotated[float, Field(gt=0)] = 1e-5
    bias: bool = True

    @classmethod
    def of(cls, name: str, module: nn.Module) -> Self | None:
        """Describe a `torch.nn.LayerNorm` of one dimension that has weights."""
        if type(module) is not nn.LayerNorm or len(module.normalized_shape) != 1:
            return None
        if not module.elementwise_affine:
            return None
        (width,) = module.normalized_shape
        return cls(name=name, width=width, eps=module.eps, bias=module.bias is not None)

    def module(self) -> nn.Module:
        """Make a `torch.nn.LayerNorm`."""
        return nn.LayerNorm(self.width, self.eps, bias=self.bias)

    def output(self, shape: Shape) -> Shape:
        """Keep the shape."""
        expect_width(shape, self.width)
        return shape
