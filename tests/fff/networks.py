"""Random networks and rows, small and repeatable, and the shapes that every backend is tried at."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from fff.beta_weights import FFFBetaWeights
from fff.low_rank import LowRankWeights
from fff.mixture import MixtureWeights
from fff.multilayer import MultilayerWeights
from fff.raster import RasterWeights
from fff.weights import FeedForwardWeights, FFFWeights, TieRule


def rows(n: int, i: int, seed: int = 0) -> Tensor:
    """Normal rows, `[n, i]`."""
    return torch.randn(n, i, generator=torch.Generator().manual_seed(seed))


def tree(
    i: int,
    d: int,
    l: int,  # noqa: E741 (the package's letter for leaf width)
    o: int,
    m: int = 0,
    activation: str = "relu",
    tie: TieRule = "ge",
    leaf_output_bias: bool = True,
) -> FFFWeights:
    """A layer with outputs of about unit size; the letters are those of `fff.weights`."""
    g = torch.Generator().manual_seed(i + d)
    leaves = 2**d
    return FFFWeights(
        node_weight=torch.randn(leaves - 1, i, generator=g) / i**0.5,
        node_bias=torch.randn(leaves - 1, generator=g) / 4,
        w1=torch.randn(leaves, i, l, generator=g) / i**0.5,
        b1=torch.randn(leaves, l, generator=g) / 4,
        w2=torch.randn(leaves, l, o, generator=g) / l**0.5,
        b2=torch.randn(leaves, o, generator=g) / 4,
        activation=activation,
        master=dense(i, m, o, activation) if m else None,
        master_logit=torch.tensor(0.3) if m else None,
        tie=tie,
        leaf_output_bias=leaf_output_bias,
    )


def dense(i: int, w: int, o: int, activation: str = "relu") -> FeedForwardWeights:
    g = torch.Generator().manual_seed(i + w)
    return FeedForwardWeights(
        w1=torch.randn(i, w, generator=g) / i**0.5,
        b1=torch.randn(w, generator=g) / 4,
        w2=torch.randn(w, o, generator=g) / w**0.5,
        b2=torch.randn(o, generator=g) / 4,
        activation=activation,
    )


def low_rank(i: int, r: int, w: int, o: int, activation: str = "relu") -> LowRankWeights:
    g = torch.Generator().manual_seed(i + r)
    return LowRankWeights(
        u=torch.randn(i, r, generator=g) / i**0.5,
        v=torch.randn(r, w, generator=g) / r**0.5,
        b1=torch.randn(w, generator=g) / 4,
        w2=torch.randn(w, o, generator=g) / w**0.5,
        b2=torch.randn(o, generator=g) / 4,
        activation=activation,
    )


def mixture(
    i: int,
    experts: int,
    l: int,  # noqa: E741
    o: int,
    k: int,
    activation: str = "relu",
) -> MixtureWeights:
    g = torch.Generator().manual_seed(i + experts)
    return MixtureWeights(
        gate_weight=torch.randn(i, experts, generator=g) / i**0.5,
        gate_bias=torch.randn(experts, generator=g) / 4,
        w1=torch.randn(experts, i, l, generator=g) / i**0.5,
        b1=torch.randn(experts, l, generator=g) / 4,
        w2=torch.randn(experts, l, o, generator=g) / l**0.5,
        b2=torch.randn(experts, o, generator=g) / 4,
        activation=activation,
        top_k=k,
    )


def multilayer(
    i: int, widths: Sequence[int], o: int, activation: str = "relu", features: int = 0
) -> MultilayerWeights:
    g = torch.Generator().manual_seed(i + sum(widths))
    layers = [*pairwise((2 * features or i, *widths, o))]
    return MultilayerWeights(
        matrices=tuple(torch.randn(shape, generator=g) / shape[0] ** 0.5 for shape in layers),
        biases=tuple(torch.randn(width, generator=g) / 4 for _, width in layers),
        activation=activation,
        fourier=torch.randn(i, features, generator=g) if features else None,
    )


def raster(shape: Sequence[int], o: int) -> RasterWeights:
    g = torch.Generator().manual_seed(sum(shape))
    return RasterWeights(torch.randn(*shape, o, generator=g))


def neurons(
    i: int, d: int, k: int, o: int, activation: str = "gelu", tie: TieRule = "gt"
) -> FFFBetaWeights:
    """An FFF-beta; the letters are those of `fff.beta_weights`."""
    g = torch.Generator().manual_seed(i + d + k)
    shape = k, 2 ** (d + 1) - 1
    return FFFBetaWeights(
        w_in=torch.randn(*shape, i, generator=g) / i**0.5,
        b_in=torch.randn(shape, generator=g) / 4,
        w_out=torch.randn(*shape, o, generator=g) / (k * (d + 1)) ** 0.5,
        activation=activation,
        tie=tie,
    )


class Shape(NamedTuple):
    """A batch and a layer; the letters are those of `fff.weights`."""

    n: int
    i: int
    d: int
    l: int  # noqa: E741
    o: int
    m: int

    def rows(self) -> Tensor:
        return rows(self.n, self.i)

    def tree(self) -> FFFWeights:
        return tree(*self[1:])


SHAPES = {
    "one-leaf-one-row": Shape(1, 8, 0, 4, 3, 0),
    "one-leaf-and-a-master": Shape(33, 8, 0, 4, 3, 2),
    "one-row": Shape(1, 123, 3, 5, 11, 0),
    "nothing-divides-a-block": Shape(7, 123, 3, 5, 11, 3),
    "all-widths-one": Shape(64, 1, 4, 1, 1, 1),
    "fewer-rows-than-leaves": Shape(3, 17, 7, 2, 5, 0),
    "mnist-d4": Shape(256, 784, 4, 8, 10, 8),
    "no-rows": Shape(0, 6, 2, 3, 4, 2),
}
