"""
What one would run instead of our kernels, in plain torch: on any device, in any float type.

Every bench that times a dense network, the gather form or a mixture of experts times these, so
that a rival is the same on a CPU, on a GPU and behind HTTP.

Not covered:  the authors' own evaluation, which only `bench.kernels` times.

Shape letters: see `fff.weights`.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from fff.activations import activation_by_name
from fff.weights import FeedForwardWeights, FFFWeights

Run = Callable[[Tensor], Tensor]
"""`[n, i]` to `[n, o]`."""
Experts = Callable[[Tensor, Tensor], Tensor]
"""Rows, `[n, i]`, and the experts each visits, `[n * k]`, to their outputs, `[n * k, o]`."""


def dense(weights: FeedForwardWeights) -> Run:
    """Linear, activation, Linear: what anyone would run instead. Rows have the weights' type."""
    act = activation_by_name(weights.activation)
    w1, b1, w2, b2 = weights.tensors().values()

    def run(x: Tensor) -> Tensor:
        return torch.addmm(b2, act(torch.addmm(b1, x, w1)), w2)  # [n, o]

    return run


def descend(x: Tensor, weights: FFFWeights) -> Tensor:
    """Name each row's leaf, `[n]`, by plain scores: near a boundary it may be another than ours."""
    node = torch.zeros(len(x), dtype=torch.long, device=x.device)
    for _ in range(weights.depth):
        score = (x * weights.node_weight[node]).sum(-1) + weights.node_bias[node]  # [n]
        node = 2 * node + 1 + (score >= 0)
    return node - (weights.leaves - 1)  # [n]


def gather_leaves(x: Tensor, leaf: Tensor, weights: FFFWeights) -> Tensor:
    """
    Copy each row's leaf and multiply the copies batch-wise, as published FFF code does.

    Source: the vectorised evaluation of AndreasCharalamp/fastfeedforward-experiments (1a87c30),
    written with `baddbmm`.

    Args:
        x: Rows in the leaves' type, `[n, i]`.
        leaf: Of each row, `[n]`, int64.
        weights: The tree; a master leaf is left out.

    Returns:
        Outputs in the leaves' type, `[n, o]`.
    """
    act = activation_by_name(weights.activation)
    w1, b1, w2, b2 = weights.w1, weights.b1, weights.w2, weights.b2
    hidden = act(torch.baddbmm(b1[leaf, None], x[:, None], w1[leaf]))  # [n, 1, l]
    return torch.baddbmm(b2[leaf, None], hidden, w2[leaf])[:, 0]  # [n, o]


def mixture(scores: Run, experts: Experts, k: int) -> Run:
    """
    Mixture of experts: a flat router in place of a tree.

    Args:
        scores: The router, `[n, i]` to `[n, E]` for E experts.
        experts: Computes each row's visits, side by side.
        k: Experts a row visits; their outputs are mixed by the softmax of their scores.
    """

    def run(x: Tensor) -> Tensor:
        if k == 1:  # the softmax of one score is 1
            return experts(x, scores(x).argmax(1))
        best, expert = torch.topk(scores(x), k)  # [n, k]
        y = experts(x, expert.flatten()).view(len(x), k, -1)  # [n, k, o]
        return torch.bmm(torch.softmax(best, 1)[:, None], y)[:, 0]  # [n, o]

    return run
