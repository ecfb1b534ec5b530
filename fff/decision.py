"""
The routing decision: one definition, and a cheap screen that is proven to agree with it.

A row goes right at a node where its score `x . w + b` is `>= 0` (tie rule `ge`) or `> 0`
(`gt`). Computed in float32 in whatever order a matrix library likes, a score near 0 can come
out on either side, so that the same row would take another leaf in another batch. Here the
decision is a property of the row and the model alone:

* `canonical_score` defines it. Products of float32 numbers are exact in float64, and they are
  added by halving: element `k` and element `k + half`, in elementwise operations whose result
  IEEE 754 fixes on any device, for any batch.
* `error_bound` says how far a float32 score, summed in any order, can be from the truth. Where
  `|score|` exceeds it the sign is proven; the few rows that meet a doubtful node on their way
  are walked again canonically (`fff.reference.route`).

Source of the bound: Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., (3.5):
a sum of products of n terms in any order errs by at most `gamma_n * sum |x_k w_k|`,
`gamma_n = n u / (1 - n u)`, `u = 2**-24` in float32; the sum is at most `|x| |w|` (Cauchy).
"""

import torch
from torch import Tensor

NO_BOUNDARY = torch.finfo(torch.float32).max
"""Margin of a row that no boundary bounds (depth 0): finite, so that JSON can carry it."""

_SMALLEST = 2.0**-126  # covers products that underflow: n * 2**-149 for any n below 2**23


def canonical_score(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """
    Score rows at their nodes in float64, in one fixed order of additions.

    Args:
        x: Rows, `[n, i]`, float32.
        weight: Each row's node weights, `[n, i]`, float32.
        bias: Each row's node bias, `[n]`, float32.

    Returns:
        `[n]`, float64; bitwise the same for a row whatever it is batched with.
    """
    terms = x.double() * weight.double()  # [n, i], each product exact
    while terms.shape[1] > 1:
        half = (terms.shape[1] + 1) // 2
        right = torch.nn.functional.pad(terms[:, half:], (0, 2 * half - terms.shape[1]))
        terms = terms[:, :half] + right  # [n, ceil(i / 2)]
    return terms[:, 0] + bias.double()


def error_bound(input_width: int, x_norm: Tensor, weight_norm: Tensor, bias: Tensor) -> Tensor:
    """
    Bound the error of a float32 score, whatever the order of its additions.

    Args:
        input_width: `i`, at most 2**22.
        x_norm: Euclidean norm of the row, float64 (in float32 small squares underflow).
        weight_norm: Euclidean norm of the node's weights, float64.
        bias: The node's bias, float32 or float64.

    Returns:
        What the three broadcast to, float64. A score of larger size has the sign of
        `canonical_score`; NaN and infinity never have.
    """
    # 2**-23 where the theorem has 2**-24: the factor two covers 1 / (1 - n u) and the far
    # smaller error of the float64 sum.
    return (input_width + 2) * 2.0**-23 * (x_norm * weight_norm + bias.abs()) + _SMALLEST


def goes_right(score: Tensor, tie: str) -> Tensor:
    """Decide, `[n]` bool. A NaN score goes left, -0.0 counts as 0."""
    return score >= 0 if tie == "ge" else score > 0
