"""
The slow truth: fast-feedforward inference in plain PyTorch, one readable line per step.

Every faster backend is tested against this file, so it is written to be checked by eye,
never to be quick.

Covered:      hard (inference-time) routing, one leaf per row, master leaf, depth 0; the dense
              network, the one of low rank, the mixture of experts, the multilayer perceptron, the
              raster.
Not covered:  soft routing, region leak, dropout, noise, gradients (`fff.layers`, `fff.baselines`,
              `fff.perceptron`).

Shape letters: see `fff.weights`.

Source: Belcak and Wattenhofer, "Fast Feedforward Networks", arXiv:2308.14711, algorithm 1
(`F_I`). Node order and the `>= 0` rule follow the authors' `FFF.eval_forward`
(pbelcak/fastfeedforward bd360ae). Unlike it we add the leaf's output bias: see
docs/decisions/0002-leaf-output-bias.md. The master leaf follows the code of
AndreasCharalamp/fastfeedforward-experiments (1a87c30). The mixture: arXiv:1701.06538, section 2.
"""

import math
from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor

from fff.activations import activation_by_name, multilayer_activation
from fff.decision import NO_BOUNDARY, canonical_score, goes_right
from fff.inference_result import InferenceResult
from fff.low_rank import LowRankWeights
from fff.mixture import MixtureWeights
from fff.multilayer import MultilayerWeights
from fff.raster import RasterWeights
from fff.weights import Baseline, FeedForwardWeights, FFFWeights, Weights


def route(x: Tensor, w: FFFWeights) -> tuple[Tensor, Tensor]:
    """
    Walk the tree from the root and name each row's leaf.

    Args:
        x: Inputs, `[n, i]`, float32.
        w: Weights, on the same device.

    Returns:
        leaf: Leaf index in `0 .. 2**d - 1`, `[n]`, int64.
        margin: Smallest `|score| / |w|` on the row's path, `[n]`, float64. A node with zero
            weights is no boundary in input space and does not count.

    Raises:
        ValueError: If `x` is not `[n, i]`.

    Cost: `2 n d i` FLOP in float64.
    """
    if x.ndim != 2 or x.shape[1] != w.input_width:
        raise ValueError(f"x must be [n, {w.input_width}], got {list(x.shape)}")

    node = torch.zeros(len(x), dtype=torch.long, device=x.device)
    margin = torch.full((len(x),), NO_BOUNDARY, dtype=torch.float64, device=x.device)
    for _ in range(w.depth):
        score = canonical_score(x, w.node_weight[node], w.node_bias[node])  # [n]
        norm = w.node_weight[node].double().norm(dim=-1)  # [n]
        margin = torch.where(norm > 0, torch.minimum(margin, score.abs() / norm), margin)
        node = 2 * node + 1 + goes_right(score, w.tie).long()
    return node - (2**w.depth - 1), margin


def leaves(x: Tensor, leaf: Tensor, w: FFFWeights) -> Tensor:
    """
    Compute each row's own leaf, and mix in the master leaf.

    Args:
        x: Inputs, `[n, i]`, any float dtype; the arithmetic is in that dtype.
        leaf: Leaf of each row, `[n]`, int64.
        w: Weights, on the same device; converted to the dtype of `x`.

    Returns:
        Logits, `[n, o]`, in the dtype of `x`.
    """
    act = activation_by_name(w.activation)
    rows = []
    for row, j in zip(x, leaf.tolist(), strict=True):
        hidden = act(row @ w.w1[j].to(x) + w.b1[j].to(x))  # [l]
        rows.append(hidden @ w.w2[j].to(x) + w.output_bias[j].to(x))  # [o]
    y = torch.stack(rows) if rows else x.new_zeros(0, w.output_width)  # [n, o]
    if w.master is not None:
        y = w.mix * y + (1 - w.mix) * dense(x, w.master)
    return y


def dense(x: Tensor, w: FeedForwardWeights) -> Tensor:
    """The dense network, `[n, i]` to `[n, o]`, in the dtype of `x`."""
    hidden = activation_by_name(w.activation)(x @ w.w1.to(x) + w.b1.to(x))  # [n, w]
    return hidden @ w.w2.to(x) + w.b2.to(x)


def low_rank(x: Tensor, w: LowRankWeights) -> Tensor:
    """The network of low rank, `[n, i]` to `[n, o]`, in the dtype of `x`."""
    thin = x @ w.u.to(x)  # [n, r]
    hidden = activation_by_name(w.activation)(thin @ w.v.to(x) + w.b1.to(x))  # [n, w]
    return hidden @ w.w2.to(x) + w.b2.to(x)


def experts(x: Tensor, w: MixtureWeights) -> list[list[tuple[float, int]]]:
    """
    Select each row's experts, with their scores in float64.

    Args:
        x: `[n, i]`, float32.
        w: Weights, on the same device.

    Returns:
        For each row its `k` largest scores with the experts' numbers; of equal scores the lower
        number is selected.
    """
    columns = [
        canonical_score(x, column.expand_as(x), bias.expand(len(x))).tolist()
        for column, bias in zip(w.gate_weight.T, w.gate_bias, strict=True)
    ]
    rows = ([(row[e], e) for e in range(w.experts)] for row in zip(*columns, strict=True))
    return [sorted(row, key=lambda one: (-one[0], one[1]))[: w.top_k] for row in rows]


def mixture(x: Tensor, selected: list[list[tuple[float, int]]], w: MixtureWeights) -> Tensor:
    """The softmax-weighted sum of each row's experts, `[n, i]` to `[n, o]`, in the dtype of `x`."""
    y = x.new_zeros(len(x), w.output_width)
    for n, chosen in enumerate(selected):
        largest = max(score for score, _ in chosen)
        powers = [math.exp(score - largest) for score, _ in chosen]
        for power, (_, e) in zip(powers, chosen, strict=True):
            expert = FeedForwardWeights(w.w1[e], w.b1[e], w.w2[e], w.b2[e], w.activation)
            y[n] += power / sum(powers) * dense(x[n], expert)
    return y


def multilayer(x: Tensor, w: MultilayerWeights) -> Tensor:
    """The multilayer perceptron, `[n, i]` to `[n, o]`, in the dtype of `x`."""
    act = multilayer_activation(w.activation)
    if w.fourier is not None:
        angle = 2 * math.pi * (x @ w.fourier.to(x))  # [n, f]
        x = torch.cat((torch.cos(angle), torch.sin(angle)), dim=1)  # [n, 2 f]
    for matrix, bias in zip(w.matrices[:-1], w.biases[:-1], strict=True):
        x = act(x @ matrix.to(x) + bias.to(x))  # [n, h_k]
    return x @ w.matrices[-1].to(x) + w.biases[-1].to(x)


def raster(x: Tensor, w: RasterWeights) -> Tensor:
    """Each row's value between the samples around it, `[n, i]` to `[n, o]`, in the dtype of `x`."""
    y = x.new_zeros(len(x), w.output_width)
    for n, row in enumerate(x.tolist()):
        if any(map(math.isnan, row)):
            y[n] = math.nan
        else:
            y[n] = sum(share * w.values[corner].double() for share, corner in _corners(row, w))
    return y


def _corners(row: list[float], w: RasterWeights) -> Iterator[tuple[float, tuple[int, ...]]]:
    """The corners of a row's cell, with their shares, which sum to 1."""
    sides = []
    for value, samples in zip(reversed(row), w.shape, strict=True):  # input 0: the last axis
        place = (min(max(value, -1.0), 1.0) + 1) / 2 * (samples - 1)
        low = int(place)
        sides.append([(1 - place + low, low), (place - low, min(low + 1, samples - 1))])
    for corner in product(*sides):
        shares, index = zip(*corner, strict=True)
        yield math.prod(shares), index


def infer(x: Tensor, w: Weights) -> InferenceResult:
    """The prediction that any backend must return for `x`, `[n, i]`, float32."""
    if isinstance(w, FFFWeights):
        leaf, margin = route(x, w)
        return InferenceResult(leaves(x, leaf, w), leaf[:, None].int(), margin[:, None].float())
    no_layer = x.new_zeros(len(x), 0)
    return InferenceResult(without_tree(x, w), no_layer.int(), no_layer)


def without_tree(x: Tensor, w: Baseline) -> Tensor:
    """Logits of a network that has no leaves, `[n, i]` float32 to `[n, o]`."""
    match w:
        case LowRankWeights():
            return low_rank(x, w)
        case MixtureWeights():
            return mixture(x, experts(x, w), w)
        case MultilayerWeights():
            return multilayer(x, w)
        case RasterWeights():
            return raster(x, w)
        case FeedForwardWeights():
            return dense(x, w)
