"""
When can float32 overflow on a row? Told from the sizes of its numbers and of the weights.

Finite inputs and finite weights have finite outputs in exact arithmetic. So where a backend gives
NaN or infinity for them, either a sum on the way was beyond float32, and the row is too large for
the network, or the backend is at fault. Sums are bounded here by the number of their terms and the
largest of each factor: below float32's largest number no order of summation can overflow.

Covered:      every leaf and the master leaf, a dense network, one of low rank, every expert of a
              mixture (what its gate cannot sum in float32 it sums in float64); leaves kept in
              bfloat16 too.
Not covered:  rows above the bound: most of them do not overflow either.
"""

from collections.abc import Mapping

import torch

from fff.activations import activation_by_name
from fff.low_rank import LowRankWeights
from fff.mixture import MixtureWeights
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
        0 if no row is safe.
    """
    low, high = -40.0, 40.0  # powers of ten
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _is_safe(10.0**middle, w, largest) else (low, middle)
    return 10.0**low if low > -40.0 else 0.0


def _is_safe(x: float, w: Weights, largest: Mapping[str, float]) -> bool:
    return _ROUNDING * _output(x, w, largest, "") <= _LARGEST


def _output(x: float, w: Weights, largest: Mapping[str, float], prefix: str) -> float:
    """The largest sum on the way, for rows of numbers up to `x`."""
    if isinstance(w, FFFWeights):
        tree = _layers(x, w.input_width, w.leaf_width, w.activation, largest, prefix)
        return tree + (_output(x, w.master, largest, "master_") if w.master is not None else 0.0)
    if isinstance(w, LowRankWeights):
        thin = w.input_width * largest["u"] * x
        up = w.rank * largest["v"] * thin + largest["b1"]
        return max(thin, _from_hidden(up, w.hidden_width, w.activation, largest, ""))
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
    """The largest sum from the up projection on, whose own are up to `up`."""
    ends = torch.tensor([up, -up], dtype=torch.float64)
    # On its way an activation makes six times a number of it at most (hardswish), or squares it.
    hidden = max(6 * up + 1, float(activation_by_name(activation)(ends).abs().max()))
    return max(hidden, width * largest[f"{prefix}w2"] * hidden + largest[f"{prefix}b2"])
