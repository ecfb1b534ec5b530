"""
Random networks of any size whose weights take little memory before they are laid out.

Every leaf is a window of one strip of random numbers, 16 numbers on from the window before: no
two leaves are equal, and 2**15 leaves of 768 x 32 weights take 2 MB where they would take 3 GB.
"""

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor
from torch.nn.functional import linear, relu

from bench.networks import ACTIVATION, Shape
from fff.weights import FFFWeights

STEP = 16  # numbers between two windows: a cache line, so that all are aligned alike


def strip_tree(shape: Shape, generator: torch.Generator) -> FFFWeights:
    """Draw a tree as `bench.networks.random_tree` does, but of windows of a strip."""
    i, o, l, leaves = shape.i, shape.o, shape.l, 1 << shape.d  # noqa: E741
    return FFFWeights(
        # Nodes are their own: rows must spread over the leaves as over those of any tree.
        node_weight=torch.randn(leaves - 1, i, generator=generator) / i**0.5,
        node_bias=torch.zeros(leaves - 1),
        w1=_windows(generator, i, leaves, i, l),
        b1=_windows(generator, i, leaves, l),
        w2=_windows(generator, l, leaves, l, o),
        b2=_windows(generator, l, leaves, o),
        activation=ACTIVATION,
    )


def dense(
    shape: Shape, dtype: torch.dtype, generator: torch.Generator
) -> Callable[[Tensor], Tensor]:
    """
    Draw the dense layer of the tree's training width, in memory of its own, and make its call.

    Eager torch; matrices as `torch.nn.Linear` has them, output by input. In bfloat16 a single row
    takes 1.5 times as long the other way round (2 cores with avx512_bf16, 2026-11-24).
    """
    i, o, w = shape.i, shape.o, shape.training_width
    w1 = _windows(generator, i, w, i).to(dtype).contiguous()  # [w, i]
    w2 = _windows(generator, w, o, w).to(dtype).contiguous()  # [o, w]
    b1, b2 = (torch.zeros(width, dtype=dtype) for width in (w, o))

    @torch.inference_mode()
    def run(x: Tensor) -> Tensor:
        y: Tensor = linear(relu(linear(x, w1, b1)), w2, b2)  # [n, o]
        return y

    return run


def _windows(generator: torch.Generator, fan_in: int, count: int, *shape: int) -> Tensor:
    """Draw `[count, *shape]` numbers for sums of `fan_in` terms; not to be written to."""
    numbers = prod(shape) + STEP * (count - 1)
    strip = torch.randn(numbers, generator=generator) / fan_in**0.5
    strides = [prod(shape[k + 1 :]) for k in range(len(shape))]
    windows: Tensor = strip.as_strided((count, *shape), (STEP, *strides))
    return windows
