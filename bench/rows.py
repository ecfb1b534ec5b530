"""
The rows the kernel bench computes: random, never one repeated, and in two routings.

`balanced` rows spread over the leaves as random directions do. `single-leaf` rows are as random
but share a direction that takes all of them down one path, as near-duplicates of one image would.
"""

import itertools
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from fff.weights import FFFWeights

Routing = Literal["balanced", "single-leaf"]
ROUTINGS: tuple[Routing, ...] = ("balanced", "single-leaf")
PULL = 8.0  # standard deviations that a single-leaf row is pulled off every boundary of its path


def random_rows(
    routing: Routing, count: int, weights: FFFWeights, generator: torch.Generator
) -> Tensor:
    """Draw rows, `[count, i]`."""
    rows = torch.randn(count, weights.input_width, generator=generator)  # [count, i]
    return rows if routing == "balanced" else rows + PULL * _rightmost_direction(weights)


def batches(rows: Tensor, size: int) -> Iterator[Tensor]:
    """Take `[size, i]` rows after rows, over and over: weights are warm, inputs change."""
    return itertools.cycle(torch.split(rows, size))


def rows_needed(size: int) -> int:
    """Rows for batches of one size: 64 different ones, and at least 4 batches."""
    return max(4 * size, 64)


def _rightmost_direction(weights: FFFWeights) -> Tensor:
    # Random nodes are near orthogonal, so the sum of the path's has a score near 1 at each.
    path = [2**level * 2 - 2 for level in range(weights.depth)]  # node k, then 2k + 2
    return weights.node_weight[path].sum(0)  # [i]
