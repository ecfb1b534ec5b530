"""
The rows the kernel benches compute: random, never one repeated, in three routings.

`balanced` rows spread over the leaves as random directions do. `single-leaf` rows are as random
but pulled down one path, as near-duplicates of one image would be. `zipf` rows are pulled to
leaves whose popularity follows Zipf's law, as words, users and topics do.
"""

import itertools
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from fff.weights import FFFWeights

Routing = Literal["balanced", "zipf", "single-leaf"]
ROUTINGS: tuple[Routing, ...] = ("balanced", "single-leaf")  # the extremes
PULL = 8.0  # standard deviations that a row is pulled off every boundary of its path
ZIPF_EXPONENT = 1.2


def random_rows(
    routing: Routing, count: int, weights: FFFWeights, generator: torch.Generator
) -> Tensor:
    """Draw rows, `[count, i]`."""
    rows = torch.randn(count, weights.input_width, generator=generator)  # [count, i]
    if routing == "balanced":
        return rows
    if routing == "single-leaf":
        return rows + PULL * _direction(torch.tensor([weights.leaves - 1]), weights)
    return rows + PULL * _direction(zipf_leaves(count, weights.leaves, generator), weights)


def zipf_shares(leaves: int) -> Tensor:
    """Shares of rows by rank, the most popular leaf first, `[leaves]`."""
    shares = torch.arange(1, leaves + 1) ** -ZIPF_EXPONENT
    return shares / shares.sum()


def zipf_leaves(count: int, leaves: int, generator: torch.Generator) -> Tensor:
    """Draw the leaf of each row, `[count]`; which leaves are popular is drawn too."""
    ranks = torch.multinomial(zipf_shares(leaves), count, replacement=True, generator=generator)
    return torch.randperm(leaves, generator=generator)[ranks]


def batches(rows: Tensor, size: int) -> Iterator[Tensor]:
    """Take `[size, i]` rows after rows, over and over."""
    return itertools.cycle(torch.split(rows, size))


def rows_needed(size: int, leaves: int) -> int:
    """
    Rows of one lap: 64 and 4 batches at least, and two for every leaf.

    With fewer than the leaves, single rows would meet a smaller model than they claim.
    """
    return max(4 * size, 2 * leaves, 64)


def _direction(leaf: Tensor, weights: FFFWeights) -> Tensor:
    # Random nodes are near orthogonal, so a path's sum has a score near 1 or -1 at each of them.
    total = torch.zeros(len(leaf), weights.input_width)
    for level in range(weights.depth):
        below = weights.depth - level
        node = (1 << level) - 1 + (leaf >> below)  # [n]
        side = 2 * ((leaf >> (below - 1)) & 1) - 1  # [n], 1 right and -1 left
        total += side[:, None] * weights.node_weight[node]
    return total
