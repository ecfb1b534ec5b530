"""
How a row is shared out to all leaves while a tree is trained, and what comes of it or of one leaf.

Shape letters: see `fff.weights`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class SoftOutput:
    """
    A training-time pass.

    Attributes:
        logits: `[n, o]`, float32, differentiable.
        scores: Every node's score, `[n, 2**d - 1]`; the soft decision is their sigmoid.
        mixture: Share of each leaf, `[n, 2**d]`; rows sum to 1.
    """

    logits: Tensor
    scores: Tensor
    mixture: Tensor


@dataclass(frozen=True, slots=True)
class HardOutput:
    """
    A pass that takes each row to one leaf; of an FFF-beta one in each tree, `[..., k]`.

    Attributes:
        logits: `[..., o]`, differentiable in the row, its leaf and the master leaf.
        leaf: Leaf that was taken, `[...]`, int32.
        margin: Distance to the nearest boundary on the way, `[...]`, float32, as in
            `fff.inference_result`.
    """

    logits: Tensor
    leaf: Tensor
    margin: Tensor


Mixing = Callable[[Tensor], Tensor]
"""Scores of nodes, `[n, 2**d - 1]`, to shares of leaves, `[n, 2**d]`, whose rows sum to 1."""


def mix_by_decisions(right: Tensor) -> Tensor:
    """
    Share of each leaf by the product of the decisions on its path.

    Args:
        right: Share of each node's row that goes right, `[n, 2**d - 1]`, in heap order.

    Returns:
        `[n, 2**d]`; rows sum to 1.
    """
    mixture = right.new_ones(len(right), 1)  # [n, 2**level]
    start = 0
    while start < right.shape[1]:
        c = right[:, start : 2 * start + 1]
        mixture = torch.stack((mixture * (1 - c), mixture * c), -1).flatten(1)
        start = 2 * start + 1
    return mixture


def with_children_swapped(right: Tensor, probability: float) -> Tensor:
    """Swap each node's two children with a probability, a row alone: the papers' region leak."""
    swap = torch.rand_like(right) < probability
    return torch.where(swap, 1 - right, right)
