"""
The slow truth of FFF-beta, in plain PyTorch: every faster backend is tested against this file.

Decisions are those of `fff.decision`, so that a leaf never depends on the batch or the device.

Covered:      hard routing of every tree, depth 0 (one neuron a tree), both tie rules.
Not covered:  gradients (`fff.beta`).

Shape letters: see `fff.beta_weights`.
"""

import torch
from torch import Tensor

from fff.activations import activation_by_name
from fff.beta_weights import FFFBetaWeights
from fff.decision import NO_BOUNDARY, canonical_score, goes_right
from fff.inference_result import InferenceResult


def walk(x: Tensor, w: FFFBetaWeights, tree: int) -> tuple[Tensor, Tensor]:
    """
    Walk one tree from its root.

    Args:
        x: Inputs, `[n, i]`, float32.
        w: Weights, on the same device.
        tree: Which tree.

    Returns:
        leaf: Leaf index in `0 .. 2**d - 1`, `[n]`, int64.
        margin: Smallest `|score| / |w_in|` over the `d` decisions, `[n]`, float64. A node without
            weights is no boundary in input space and does not count.

    Raises:
        ValueError: If `x` is not `[n, i]`.
    """
    if x.ndim != 2 or x.shape[1] != w.input_width:
        raise ValueError(f"x must be [n, {w.input_width}], got {list(x.shape)}")
    weight, bias = w.w_in[tree], w.b_in[tree]
    node = torch.zeros(len(x), dtype=torch.long, device=x.device)
    margin = torch.full((len(x),), NO_BOUNDARY, dtype=torch.float64, device=x.device)
    for _ in range(w.depth):
        score = canonical_score(x, weight[node], bias[node])  # [n]
        norm = weight[node].double().norm(dim=-1)  # [n]
        margin = torch.where(norm > 0, torch.minimum(margin, score.abs() / norm), margin)
        node = 2 * node + 1 + goes_right(score, w.tie).long()
    return node - (w.leaves - 1), margin


def outputs(x: Tensor, leaf: Tensor, w: FFFBetaWeights) -> Tensor:
    """
    Add up what the neurons on each row's paths put out.

    Args:
        x: Inputs, `[n, i]`, any float dtype; the arithmetic is in that dtype.
        leaf: Leaf of each row in each tree, `[n, k]`, integers.
        w: Weights, on the same device; converted to the dtype of `x`.

    Returns:
        `[n, o]`, in the dtype of `x`.
    """
    act = activation_by_name(w.activation)
    y = x.new_zeros(len(x), w.output_width)
    for row, leaves in enumerate(leaf.tolist()):
        for tree, j in enumerate(leaves):
            for level in range(w.depth + 1):
                # In heap order counted from 1, a node's ancestors are its number's upper bits.
                node = ((w.leaves + j) >> (w.depth - level)) - 1
                z = x[row] @ w.w_in[tree, node].to(x) + w.b_in[tree, node].to(x)
                y[row] += act(z) * w.w_out[tree, node].to(x)
    return y


def infer(x: Tensor, w: FFFBetaWeights) -> InferenceResult:
    """What any backend must return for `x`, `[n, i]`, float32; leaf and margin are `[n, k]`."""
    walks = [walk(x, w, tree) for tree in range(w.trees)]
    leaf = torch.stack([one for one, _ in walks], 1)
    margin = torch.stack([one for _, one in walks], 1)
    return InferenceResult(outputs(x, leaf, w), leaf.int(), margin.float())
