"""
Gates: how the scores of a tree's nodes share a row out to its leaves while routing is learnt.

Every gate gives the logarithm of each leaf's share, `[n, 2**d]`; shares of a row sum to 1, and go
to the hard decision as the temperature goes to 0. They differ in where the gradient comes from:

sigmoid         the product of soft decisions on the path, the papers' own (arXiv:2308.14711).
path_violation  softmax over what the row lacks to meet a leaf's conditions. The largest share is
                the hard leaf's, always (DTSemNet, arXiv:2408.09135); of a product it is not.
smooth_step     the product of decisions that are exactly 0 or 1 away from a boundary (Hazimeh et
                al., The Tree Ensemble Layer, arXiv:2002.07772).

Scores are `[n, 2**d - 1]`, nodes in heap order; leaves count from the left.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Gate = Callable[[Tensor, float], Tensor]
"""Scores, `[n, 2**d - 1]`, and a temperature `> 0`, to logarithms of shares, `[n, 2**d]`."""

_LEAST = 1e-30  # in place of a share of 0, whose logarithm has no gradient


def sigmoid(scores: Tensor, temperature: float) -> Tensor:
    """Product over the path of `sigmoid(score / T)`, or of 1 minus it to the left."""
    at = scores / temperature
    return _sum_on_paths(F.logsigmoid(-at), F.logsigmoid(at))


def path_violation(scores: Tensor, temperature: float) -> Tensor:
    """`softmax(-v / T)`, `v` the sum over the path of how far a score is on the wrong side."""
    met = _sum_on_paths(-F.relu(scores), -F.relu(-scores))
    return torch.log_softmax(met / temperature, 1)


def smooth_step(scores: Tensor, temperature: float) -> Tensor:
    """As `sigmoid`, with the cubic from 0 at `-T / 2` to 1 at `T / 2`, smooth at both ends."""
    at = (scores / temperature).clamp(-0.5, 0.5)
    right = 0.5 + 1.5 * at - 2 * at**3
    return _sum_on_paths((1 - right).clamp_min(_LEAST).log(), right.clamp_min(_LEAST).log())


GATES: dict[str, Gate] = {
    "sigmoid": sigmoid,
    "path_violation": path_violation,
    "smooth_step": smooth_step,
}


def _sum_on_paths(left: Tensor, right: Tensor) -> Tensor:
    """Sum what each step of a path adds, `[n, 2**d - 1]` for either way, `[n, 2**d]`."""
    total = left.new_zeros(len(left), 1)  # [n, 2**level]
    start = 0
    while start < left.shape[1]:
        level = slice(start, 2 * start + 1)
        total = torch.stack((total + left[:, level], total + right[:, level]), -1).flatten(1)
        start = 2 * start + 1
    return total
