"""
Planting: the tree of an FFF grown on tokens, so that learning begins with leaves worth having.

From the root down a node's tokens are cut in two by their two means (Lloyd's, from principal
halves on), seen along the directions that count for the answer: the tokens as a linear layer of
least squares answers them. Each leaf begins by answering the mean of what its tokens should be.

Covered:      trees of FFF-alpha without a master leaf.
Not covered:  cuts of which each keeps a number of rows, as fields want (`training.field.tree`):
              they take a minute for what takes seconds here.
"""

import torch
from torch import Tensor

from fff.layers import FFF
from fff.objectives import hard_leaves
from training.vision.tokens import Tokens

_LLOYD_ROUNDS = 8  # two means have settled by then, or nearly
_LEAST_SHARE = 8  # no means that leave one side less than an eighth of the tokens
_LEAST_TOKENS = 16  # below that all of a node's tokens go right
_RIDGE = 1e-2  # of a token's variance: some directions of a normalised token hardly vary
_HIDDEN_SHARE = 0.3  # what leaves' neurons begin with beside the means, of what they are drawn with


@torch.no_grad()
def plant(layer: FFF, tokens: Tokens) -> None:
    """
    Grow a layer's tree, and set its leaves' means.

    A node's scores have a deviation of 1 over its own tokens.
    """
    x, y = tokens.given, tokens.answered
    centred = x - x.mean(0)
    squares = centred.T @ centred + _RIDGE * len(x) * torch.eye(x.shape[1])
    linear = torch.linalg.solve(squares, centred.T @ (y - y.mean(0)))  # [i, o]
    seen = x @ linear
    weights, biases = torch.zeros_like(layer.node_weights), torch.ones_like(layer.node_biases)
    node = torch.zeros(len(x), dtype=torch.int64)
    for number in range(len(weights)):
        rows = (node == number).nonzero()[:, 0]
        node[rows] = 2 * number + 2
        if len(rows) < _LEAST_TOKENS:
            continue
        normal, bias = _between_two_means(seen[rows])
        score = seen[rows] @ normal + bias
        spread = score.std().clamp_min(1e-6)
        weights[number], biases[number] = linear @ normal / spread, bias / spread
        node[rows[score < 0]] -= 1
    layer.node_weights.copy_(weights)
    layer.node_biases.copy_(biases)
    leaf = hard_leaves(layer.scores(x))
    sums = torch.zeros_like(layer.b2s).index_add_(0, leaf, y)
    counts = torch.bincount(leaf, minlength=len(sums)).clamp_min(1)
    layer.b2s.copy_(sums / counts[:, None])
    layer.w2s.mul_(_HIDDEN_SHARE)


def _between_two_means(seen: Tensor) -> tuple[Tensor, Tensor]:
    """Unit normal `[o]` and bias of the boundary between tokens' two means, of tokens `[n, o]`."""
    centred = seen - seen.mean(0)
    along = centred @ torch.linalg.eigh(centred.T @ centred)[1][:, -1]
    right = along >= along.median()
    for _ in range(_LLOYD_ROUNDS):
        normal, bias = _boundary(seen, right)
        nearer = seen @ normal + bias >= 0
        there = int(nearer.sum())
        if min(there, len(seen) - there) * _LEAST_SHARE < len(seen):
            break
        right = nearer
    return _boundary(seen, right)


def _boundary(seen: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    left_mean, right_mean = seen[~right].mean(0), seen[right].mean(0)
    between = right_mean - left_mean
    normal = between / between.norm().clamp_min(1e-12)
    return normal, -(left_mean + right_mean) / 2 @ normal
