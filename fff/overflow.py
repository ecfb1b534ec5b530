"""
Can float32 overflow on a row? Told from its size and the weights', in float64.

Finite inputs and finite weights have finite outputs in exact arithmetic. So where a backend gives
NaN or infinity for them, either a sum on the way was beyond float32, and the row is too large for
the network, or the backend is at fault. Both sums and products are bounded here by those of
absolute values: below float32's largest number no order of summation can overflow.

Covered:      the leaf that the row takes and the master leaf; a dense network.
Not covered:  which of several large numbers is to blame.
"""

import torch
from torch import Tensor

from fff.activations import activation_by_name
from fff.reference import route
from fff.weights import FeedForwardWeights, FFFWeights, Weights

_LARGEST = float(torch.finfo(torch.float32).max)
_ROUNDING = 1.01  # of long float32 sums, and of leaves kept in bfloat16
_AT_A_TIME = 2**20  # weights, so that a large network is not copied whole


def may_overflow(x: Tensor, w: Weights) -> bool:
    """
    Tell whether some sum of a row's computation may leave float32.

    Args:
        x: One row, `[i]`, float32, finite.
        w: Of the network.

    Cost: `2 w (i + o)` FLOP in float64 for the widths `w` that the row meets.
    """
    if isinstance(w, FeedForwardWeights):
        return _dense_may(x, w)
    return _leaf_may(x, w) or (w.master is not None and _dense_may(x, w.master))


def _dense_may(x: Tensor, w: FeedForwardWeights) -> bool:
    return _two_layers_may(x, w.w1, w.b1, w.w2, w.b2, w.activation)


def _leaf_may(x: Tensor, w: FFFWeights) -> bool:
    leaf = int(route(x[None], w)[0])
    return _two_layers_may(x, w.w1[leaf], w.b1[leaf], w.w2[leaf], w.b2[leaf], w.activation)


def _two_layers_may(
    x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, activation: str
) -> bool:
    act = activation_by_name(activation)
    score = _bound(x.double().abs(), w1, b1)  # [l]
    # On its way an activation makes six times a number of it at most (hardswish), or squares it.
    hidden = torch.stack([6 * score + 1, act(score).abs(), act(-score).abs()]).amax(0)  # [l]
    output = _bound(hidden, w2, b2)  # [o]
    return _ROUNDING * max(float(part.max()) for part in (score, hidden, output)) > _LARGEST


def _bound(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Sum absolute values: `x [a]`, of no sign, times `weight [a, b]` plus `bias [b]`."""
    total = bias.double().abs()  # [b]
    some = max(1, _AT_A_TIME // weight.shape[1])
    for part, rows in zip(torch.split(x, some), torch.split(weight, some), strict=True):
        total = total + part @ rows.double().abs()
    return total
