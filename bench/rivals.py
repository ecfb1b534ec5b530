"""
What one would run instead of our kernels, in plain torch: on any device, in any float type.

Every bench that times a dense network, the gather form or a mixture of experts times these, so
that a rival is the same on a CPU, on a GPU and behind HTTP.

Covered:      dense networks, plain and with the activation in the product's own kernel; the
              gather form; mixtures of experts; grouped products of torch and of transformers.
Not covered:  the authors' own evaluation, which only `bench.kernels` times.

Shape letters: see `fff.weights`.
"""

from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace

import torch
import torch.nn.functional as F
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


def fused_dense(weights: FeedForwardWeights) -> Run:
    """
    The same in two launches: the first product applies its ReLU before it stores.

    Raises:
        ValueError: If the activation is another.
    """
    if weights.activation != "relu":
        raise ValueError(f"only relu is fused into a product; got {weights.activation!r}")
    w1, b1, w2, b2 = weights.tensors().values()

    def run(x: Tensor) -> Tensor:
        return torch.addmm(b2, torch._addmm_activation(b1, x, w1), w2)  # [n, o]

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


def grouped_experts(weights: FFFWeights) -> Experts:
    """
    Sort rows by expert and multiply each expert's in one launch for all: `torch._grouped_mm`.

    Rows have the leaves' type. On a GPU that type must be bfloat16 and experts fewer than 1,024,
    or torch multiplies them one by one. Hidden neurons are filled up to 16 bytes with zeros.

    Args:
        weights: The tree whose leaves are the experts; copied.
    """
    act = activation_by_name(weights.activation)
    fill = -weights.leaf_width % (16 // weights.w1.element_size())
    # [E, w, i] and [E, o, w]: each product adds along runs of memory, as tensor cores like it.
    w1 = F.pad(weights.w1.transpose(1, 2), (0, 0, 0, fill)).contiguous().transpose(1, 2)
    w2 = F.pad(weights.w2.transpose(1, 2), (0, fill)).contiguous().transpose(1, 2)
    b1, b2 = F.pad(weights.b1, (0, fill)).to(w1.dtype), weights.b2.to(w1.dtype)
    experts = torch.arange(weights.leaves, device=w1.device)

    def run(x: Tensor, expert: Tensor) -> Tensor:
        ordered, order = torch.sort(expert)  # [n]
        ends = torch.searchsorted(ordered, experts, right=True, out_int32=True)  # [E]
        hidden = act(torch._grouped_mm(x[order], w1, ends) + b1[ordered])  # [n, w]
        y = torch._grouped_mm(hidden, w2, ends) + b2[ordered]  # [n, o]
        return torch.empty_like(y).index_copy_(0, order, y)

    return run


def transformers_experts(weights: FFFWeights) -> Experts:
    """
    The grouped experts of Hugging Face's transformers, as its mixture models run them.

    Source: `transformers.integrations.moe.grouped_mm_experts_forward`, 5.17.0.

    Args:
        weights: The tree whose leaves are the experts, as wide inside as out; copied.

    Raises:
        ImportError: If transformers is not installed.
        ValueError: If input and output widths differ, which it cannot compute.
    """
    if weights.input_width != weights.output_width:
        raise ValueError("transformers' experts have outputs as wide as their inputs")
    forward = import_module("transformers.integrations.moe").grouped_mm_experts_forward
    dtype = weights.w1.dtype
    layer = SimpleNamespace(
        num_experts=weights.leaves,
        has_gate=False,
        has_bias=True,
        is_transposed=False,
        up_proj=weights.w1.transpose(1, 2).contiguous(),  # [E, w, i]
        up_proj_bias=weights.b1.to(dtype),
        down_proj=weights.w2.transpose(1, 2).contiguous(),  # [E, o, w]
        down_proj_bias=weights.b2.to(dtype),
        act_fn=activation_by_name(weights.activation),
    )

    def run(x: Tensor, expert: Tensor) -> Tensor:
        share = torch.ones(len(x), 1, dtype=x.dtype, device=x.device)
        y: Tensor = forward(layer, x, expert[:, None], share)
        return y

    return run


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
        return torch.bmm(torch.softmax(best, 1, dtype=y.dtype)[:, None], y)[:, 0]  # [n, o]

    return run
