"""The nodes of a tree apart from its leaves: what finding a row's way, and telling it, takes."""

from dataclasses import dataclass
from typing import Self

from torch import Tensor

from fff.weights import FFFWeights, TieRule


@dataclass(frozen=True, slots=True)
class Nodes:
    """
    The nodes of a tree. Shape letters: see `fff.weights`.

    Attributes:
        node_weight: `[2**d - 1, i]`, float32.
        node_bias: `[2**d - 1]`, float32.
        tie: Where a score of exactly 0 goes.
    """

    node_weight: Tensor
    node_bias: Tensor
    tie: TieRule

    @classmethod
    def of(cls, w: FFFWeights) -> Self:
        """The nodes of a network, on the CPU; copied from where they are elsewhere."""
        return cls(w.node_weight.to("cpu"), w.node_bias.to("cpu"), w.tie)

    @property
    def leaves(self) -> int:
        return len(self.node_weight) + 1

    @property
    def depth(self) -> int:
        return self.leaves.bit_length() - 1

    @property
    def input_width(self) -> int:
        return self.node_weight.shape[1]
