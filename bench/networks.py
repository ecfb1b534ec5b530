"""
The networks that the kernel benches time, with weights drawn anew.

Shape letters: see `fff.weights`.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from fff.weights import FeedForwardWeights, FFFWeights

ACTIVATION = "relu"
Cell = dict[
    str, Any
]  # a result's figures: a plain dict, because `in` is a field and no Python name


@dataclass(frozen=True, slots=True)
class Shape:
    """
    Widths and depth of a tree.

    Attributes:
        i: Input width.
        o: Output width.
        l: Leaf width, in hidden neurons.
        d: Depth; `2**d` leaves.
    """

    i: int
    o: int
    l: int  # noqa: E741  (the package's alphabet of shapes)
    d: int

    @property
    def fields(self) -> Cell:
        """The fields of a cell that name the shape."""
        return {"in": self.i, "out": self.o, "leaf": self.l, "depth": self.d}

    @property
    def training_width(self) -> int:
        """Hidden neurons of all leaves: the dense network the tree replaces."""
        return self.l << self.d

    @property
    def inference_width(self) -> int:
        """Neurons one row meets, its leaf's and its path's: the dense network of equal size."""
        return self.l + self.d

    @property
    def flop_ratio(self) -> float:
        """FLOPs of a dense row over those of a tree row."""
        outer = self.i + self.o
        return self.training_width * outer / (self.d * self.i + self.l * outer)

    @property
    def moe_flop_ratio(self) -> float:
        """FLOPs of a row of the top-1 mixture, whose router meets every expert, over a tree's."""
        leaf = self.l * (self.i + self.o)
        return ((1 << self.d) * self.i + leaf) / (self.d * self.i + leaf)


@dataclass(frozen=True, slots=True)
class Router:
    """
    What a mixture of experts has in place of a tree.

    Attributes:
        weight: `[i, E]`, E experts.
        bias: `[E]`.
    """

    weight: Tensor
    bias: Tensor

    def scores(self, x: Tensor) -> Tensor:
        """One score for each expert, `[n, i]` to `[n, E]`."""
        return torch.addmm(self.bias, x, self.weight)


def random_tree(shape: Shape, generator: torch.Generator) -> FFFWeights:
    """
    Draw a tree whose scores and activations are of size 1, as a trained one's are.

    Like the other networks here it lies on the generator's device.
    """
    i, o, l, leaves = shape.i, shape.o, shape.l, 1 << shape.d  # noqa: E741
    normal = partial(_normal, generator)
    return FFFWeights(
        node_weight=normal(leaves - 1, i, fan_in=i),
        node_bias=torch.zeros(leaves - 1, device=generator.device),
        w1=normal(leaves, i, l, fan_in=i),
        b1=normal(leaves, l, fan_in=i),
        w2=normal(leaves, l, o, fan_in=l),
        b2=normal(leaves, o, fan_in=l),
        activation=ACTIVATION,
    )


def random_dense(shape: Shape, width: int, generator: torch.Generator) -> FeedForwardWeights:
    """Draw a dense network of the tree's outer widths and `width` hidden neurons."""
    normal = partial(_normal, generator)
    return FeedForwardWeights(
        w1=normal(shape.i, width, fan_in=shape.i),
        b1=normal(width, fan_in=shape.i),
        w2=normal(width, shape.o, fan_in=width),
        b2=normal(shape.o, fan_in=width),
        activation=ACTIVATION,
    )


def random_router(shape: Shape, generator: torch.Generator) -> Router:
    """Draw a router of as many experts as the tree has leaves."""
    normal, experts = partial(_normal, generator), 1 << shape.d
    return Router(normal(shape.i, experts, fan_in=shape.i), normal(experts, fan_in=shape.i))


def _normal(generator: torch.Generator, *size: int, fan_in: int) -> Tensor:
    numbers = torch.randn(*size, generator=generator, device=generator.device)
    return numbers.div_(fan_in**0.5)  # in place: the largest have gigabytes
