"""
When can float32 overflow on a row? Told from the sizes of its numbers and of the weights.

Finite inputs and finite weights have finite outputs in exact arithmetic. So where a backend gives
NaN or infinity for them, either a sum on the way was beyond float32, and the row is too large for
the network, or the backend is at fault. Sums are bounded here by the number of their terms and the
largest of each factor: below float32's largest number no order of summation can overflow.

Covered:      every leaf and the master leaf, a dense network, one of low rank, every expert of a
              mixture (what its gate cannot sum in float32 it sums in float64), every layer of a
              multilayer perceptron, a raster; leaves kept in bfloat16 too.
Not covered:  rows above the bound: most of them do not overflow either.
"""

import math
from collections.abc import Mapping

import torch

from fff.activations import multilayer_activation
from fff.low_rank import LowRankWeights
from fff.mixture import MixtureWeights
from fff.multilayer import MultilayerWeights
from fff.raster import RasterWeights
from fff.weights import FFFWeights, Weights

_LARGEST = float(torch.finfo(torch.float32).max)
_ROUNDING = 1.01  # of long float32 sums, and of leaves kept in bfloat16
_HALVINGS = 140  # of an exponent's range of 40: closer than a float's neighbour


def largest_safe_input(w: Weights, largest: Mapping[str, float]) -> float:
    """
    Bound a row's numbers, in absolute value, so that float32 cannot overflow on it.

    Args:
        w: Of the network; gives the widths and the activation.
        largest: Of each tensor, by its name, the largest absolute value.

    Returns:
        0 if no row is safe; more than float32 has where every row is.
    """
    low, high = -40.0, 40.0  # powers of ten
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _is_safe(10.0**middle, w, largest) else (low, middle)
    return 10.0**low if low > -40.0 else 0.0


def _is_safe(x: float, w: Weights, largest: Mapping[str, float]) -> bool:
    return _ROUNDING * _output(x, w, largest, "") <= _LARGEST


def _output(x: float, w: Weights, largest: Mapping[str, float], prefix: str) -> float:
    """The largest number on the way, for rows of numbers up to `x`."""
    match w:
        case FFFWeights():
            tree = _layers(x, w.input_width, w.leaf_width, w.activation, largest, prefix)
            return tree + (_output(x, w.master, largest, "master_") if w.master is not None else 0)
        case LowRankWeights():
            thin = w.input_width * largest["u"] * x
            up = w.rank * largest["v"] * thin + largest["b1"]
            return max(thin, _from_hidden(up, w.hidden_width, w.activation, largest, ""))
        case MultilayerWeights():
            return _multilayer(x, w, largest)
        case RasterWeights():  # a row is clamped, and what it gives lies between two values
            return largest["values"]
    width = w.expert_width if isinstance(w, MixtureWeights) else w.hidden_width
    return _layers(x, w.input_width, width, w.activation, largest, prefix)


def _layers(
    x: float, inputs: int, width: int, activation: str, largest: Mapping[str, float], prefix: str
) -> float:
    up = inputs * largest[f"{prefix}w1"] * x + largest[f"{prefix}b1"]
    return _from_hidden(up, width, activation, largest, prefix)


def _from_hidden(
    up: float, width: int, activation: str, largest: Mapping[str, float], prefix: str
) -> float:
    """The largest number from the up projection on, whose own are up to `up`."""
    way, hidden = _activated(up, activation)
    return max(way, width * largest[f"{prefix}w2"] * hidden + largest[f"{prefix}b2"])


def _multilayer(x: float, w: MultilayerWeights, largest: Mapping[str, float]) -> float:
    way, size = 0.0, x
    if w.fourier is not None:
        way, size = 2 * math.pi * w.input_width * largest["fourier"] * x, 1.0
    for k, matrix in enumerate(w.matrices, 1):
        up = matrix.shape[0] * largest[f"w{k}"] * size + largest[f"b{k}"]
        activated, size = _activated(_ROUNDING * up, w.activation)
        # A sum of the output layer is no argument of the activation.
        way = max(way, up if k == len(w.matrices) else activated)
    return way


def _activated(up: float, activation: str) -> tuple[float, float]:
    """The largest number on the way through an activation, of numbers up to `up`, and behind it."""
    ends = torch.tensor([up, -up], dtype=torch.float64)
    # Between its ends none of them is beyond the larger, but for humps and waves of 1 at most.
    hidden = max(1.0, float(multilayer_activation(activation)(ends).abs().max()))
    # On its way an activation makes six times a number of it at most (hardswish), or squares it.
    return max(6 * up + 1, hidden), hidden
