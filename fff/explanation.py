"""
The path of each row, decision by decision: which nodes it met, on which side, and how near.

Decisions are `fff.decision`'s, the definition that every backend keeps, so the path shown is
the path served; `tests/fff/test_explanation.py` holds the two against each other.

Covered:      one routed layer; both tie rules, depth 0, nodes without weights.
Not covered:  what the leaf then computes (a backend), and JSON (`service.explanation`).

Shape letters: see `fff.weights`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fff.decision import canonical_score, goes_right
from fff.weights import FFFWeights


@dataclass(frozen=True, slots=True)
class Paths:
    """
    What `n` rows met on their way from the root, a column a step.

    Attributes:
        node: Heap index of the node met, `[n, d]`, int64.
        score: Its canonical score, `[n, d]`, float64.
        distance: From the row to the node's boundary, `|score| / |w|` in input units, `[n, d]`,
            float64; infinite where the node has no weights, which then bounds nothing.
        right: Whether the row went right, `[n, d]`, bool.
        leaf: Where it arrived, `[n]`, int64.
    """

    node: Tensor
    score: Tensor
    distance: Tensor
    right: Tensor
    leaf: Tensor

    @property
    def margin(self) -> Tensor:
        """Smallest distance on the path, `[n]`, float64; infinite where nothing bounds the row."""
        if not self.distance.shape[1]:
            return self.distance.new_full((len(self.leaf),), torch.inf)
        return self.distance.amin(1)


@torch.inference_mode()
def explain(x: Tensor, w: FFFWeights) -> Paths:
    """
    Walk the tree from the root and keep every step.

    Args:
        x: Inputs, `[n, i]`, float32.
        w: Weights, on the same device; of a mapped file only the pages of nodes met are read.

    Raises:
        ValueError: If `x` is not `[n, i]`.

    Cost: `4 n d i` FLOP in float64; reads `n * d` node rows, whatever the number of leaves.
    """
    if x.ndim != 2 or x.shape[1] != w.input_width:
        raise ValueError(f"x must be [n, {w.input_width}], got {list(x.shape)}")
    n = len(x)
    node = torch.zeros(n, w.depth, dtype=torch.long, device=x.device)
    score = torch.empty(n, w.depth, dtype=torch.float64, device=x.device)
    distance = torch.empty_like(score)
    right = torch.empty_like(node, dtype=torch.bool)
    at = torch.zeros(n, dtype=torch.long, device=x.device)
    for step in range(w.depth):
        weight = w.node_weight[at]  # [n, i]
        node[:, step] = at
        score[:, step] = canonical_score(x, weight, w.node_bias[at])
        norm = weight.double().norm(dim=-1)  # [n]
        distance[:, step] = torch.where(norm > 0, score[:, step].abs() / norm, torch.inf)
        right[:, step] = goes_right(score[:, step], w.tie)
        at = 2 * at + 1 + right[:, step]
    return Paths(node, score, distance, right, at - (w.leaves - 1))
