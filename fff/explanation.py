"""
The path of each row, decision by decision: which nodes it met, on which side, and how near.

The path is the one to the leaf that a backend took, and each decision on it is taken again by
`fff.decision`, the definition that every backend keeps: what is shown is what was served.

Covered:      one routed layer; both tie rules, depth 0, nodes without weights.
Not covered:  what the leaf then computes (a backend), and JSON (`service.inspection.explanation`).

Shape letters: see `fff.weights`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fff.decision import canonical_score, goes_right
from fff.nodes import Nodes
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
    """

    node: Tensor
    score: Tensor
    distance: Tensor
    right: Tensor

    @property
    def margin(self) -> Tensor:
        """Smallest distance on the path, `[n]`, float64; infinite where nothing bounds the row."""
        if not self.distance.shape[1]:
            return self.distance.new_full((len(self.distance),), torch.inf)
        return self.distance.amin(1)


@torch.inference_mode()
def explain(x: Tensor, leaf: Tensor, w: FFFWeights | Nodes) -> Paths:
    """
    Find what every row met on its way to the leaf that computed it.

    The leaf names its path, so all steps are scored at once; that the decisions do lead there
    is then checked, step by step.

    Args:
        x: Inputs, `[n, i]`, float32.
        leaf: The leaf that a backend took for each row, `[n]`, integers.
        w: On the same device; of a network only the rows of nodes met are read.

    Raises:
        ValueError: If `x` is not `[n, i]`, or a row's decisions do not lead to its leaf.

    Cost: `4 n d i` FLOP in float64; reads `n * d` node rows, whatever the number of leaves.
    """
    if x.ndim != 2 or x.shape[1] != w.input_width:
        raise ValueError(f"x must be [n, {w.input_width}], got {list(x.shape)}")
    level = torch.arange(w.depth, device=x.device)  # of each step's node
    leaf_index = leaf.long()[:, None] + w.leaves  # in heap order, counted from 1
    node = (leaf_index >> (w.depth - level)) - 1  # [n, d]
    weight = w.node_weight[node].flatten(0, 1)  # [n * d, i]
    rows = x[:, None].expand(-1, w.depth, -1).flatten(0, 1)  # [n * d, i]
    score = canonical_score(rows, weight, w.node_bias[node].flatten()).view(node.shape)
    norm = weight.double().norm(dim=-1).view(node.shape)
    right = goes_right(score, w.tie)
    if not torch.equal(right, ((leaf_index >> (w.depth - 1 - level)) & 1).bool()):
        raise ValueError("leaf must be where each row's decisions lead; another was given")
    distance = torch.where(norm > 0, score.abs() / norm, torch.inf)
    return Paths(node, score, distance, right)
