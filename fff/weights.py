"""
What a trained network is: its tensors, checked to fit together, and what a row costs.

Covered:      the FFF layer of Belcak and Wattenhofer (arXiv:2308.14711) with the master leaf
              of eFFF (arXiv:2405.16836); the networks of all kinds under one name.
Not covered:  the others' tensors (`fff.dense`, `fff.low_rank`, `fff.mixture`, `fff.multilayer`,
              `fff.raster`); a layer whose nodes are neurons (`fff.beta_weights`).

Shape letters, used in the whole package:
    n  rows in the batch     d  tree depth; 2**d leaves, 2**d - 1 nodes
    i  input width           l  leaf width          o  output width
    m  master leaf width     w  hidden width of a dense network

Leaf `j` counts from the left; its bits, most significant first, are the decisions on its path
(1 = right). Nodes are in heap order: node `k` has children `2k + 1` (left) and `2k + 2` (right).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, Self

import torch
from torch import Tensor

from fff.activations import activation_by_name
from fff.dense import FeedForwardWeights as FeedForwardWeights
from fff.low_rank import LowRankWeights
from fff.mixture import MixtureWeights
from fff.multilayer import MultilayerWeights
from fff.names import Kind
from fff.names import TieRule as TieRule
from fff.raster import RasterWeights
from fff.shapes import ShapeError as ShapeError
from fff.shapes import expect, take

_TREE_TENSORS = ("node_weight", "node_bias", "w1", "b1", "w2", "b2")


@dataclass(frozen=True, slots=True)
class FFFWeights:
    """
    A fast feedforward layer: a tree of `2**d - 1` nodes over `2**d` leaves.

    Attributes:
        node_weight: Normals of the nodes' boundaries, `[2**d - 1, i]`.
        node_bias: `[2**d - 1]`; a node's score is `x . weight + bias`.
        w1: Leaf up projections, `[2**d, i, l]`.
        b1: Leaf hidden biases, `[2**d, l]`.
        w2: Leaf down projections, `[2**d, l, o]`.
        b2: Leaf output biases, `[2**d, o]`.
        activation: A name of `fff.activations`, used by leaves and master leaf alike.
        master: The always-on leaf, or None.
        master_logit: Scalar `k`; the output is `s * leaf + (1 - s) * master`, `s = sigmoid(k)`
            (the eFFF code; its README states it the other way round).
        tie: Where a score of exactly 0 goes.
        leaf_output_bias: False leaves `b2` out, as fastfeedforward 0.2.1 does in evaluation.
    """

    kind: ClassVar[Kind] = "fff"

    node_weight: Tensor
    node_bias: Tensor
    w1: Tensor
    b1: Tensor
    w2: Tensor
    b2: Tensor
    activation: str
    master: FeedForwardWeights | None = None
    master_logit: Tensor | None = None
    tie: TieRule = "ge"
    leaf_output_bias: bool = True

    def __post_init__(self) -> None:
        if self.w1.ndim != 3 or self.w2.ndim != 3:
            raise ShapeError(
                f"w1 must be [leaves, in, width] and w2 [leaves, width, out], "
                f"got {list(self.w1.shape)} and {list(self.w2.shape)}"
            )
        if self.leaves != 2**self.depth:
            raise ShapeError(f"leaves must be a power of two, got {self.leaves}")
        expect("node_weight", self.node_weight, (self.leaves - 1, self.input_width))
        expect("node_bias", self.node_bias, (self.leaves - 1,))
        expect("b1", self.b1, (self.leaves, self.leaf_width))
        expect("w2", self.w2, (self.leaves, self.leaf_width, self.output_width))
        expect("b2", self.b2, (self.leaves, self.output_width))
        if (self.master is None) != (self.master_logit is None):
            raise ShapeError("a master leaf and its master_logit come together")
        if self.master is not None and self.master_logit is not None:
            expect("master_logit", self.master_logit, ())
            expect("master_w1", self.master.w1, (self.input_width, self.master_width))
            expect("master_w2", self.master.w2, (self.master_width, self.output_width))
        activation_by_name(self.activation)

    @property
    def leaves(self) -> int:
        return self.w1.shape[0]

    @property
    def depth(self) -> int:
        return self.leaves.bit_length() - 1

    @property
    def input_width(self) -> int:
        return self.w1.shape[1]

    @property
    def leaf_width(self) -> int:
        return self.w1.shape[2]

    @property
    def output_width(self) -> int:
        return self.w2.shape[2]

    @property
    def master_width(self) -> int:
        return self.master.hidden_width if self.master else 0

    @property
    def output_bias(self) -> Tensor:
        """The bias evaluation adds: `b2`, or zeros where the checkpoint's lineage drops it."""
        return self.b2 if self.leaf_output_bias else torch.zeros_like(self.b2)

    @property
    def mix(self) -> float:
        """Share of the tree in the output, `sigmoid(k)`; 1 without a master leaf."""
        return 1.0 if self.master_logit is None else float(torch.sigmoid(self.master_logit))

    def with_firmness(self, factor: float) -> Self:
        """The same decisions with every score `factor > 0` times as large: softly, firmer ones."""
        return replace(
            self, node_weight=self.node_weight * factor, node_bias=self.node_bias * factor
        )

    def tensors(self) -> dict[str, Tensor]:
        tensors = {name: getattr(self, name) for name in _TREE_TENSORS}
        if self.master is not None and self.master_logit is not None:
            tensors |= {f"master_{name}": t for name, t in self.master.tensors().items()}
            tensors["master_logit"] = self.master_logit
        return tensors

    @classmethod
    def from_tensors(
        cls,
        tensors: Mapping[str, Tensor],
        activation: str,
        tie: TieRule = "ge",
        leaf_output_bias: bool = True,
    ) -> Self:
        """
        Build from named tensors, the inverse of `tensors`.

        Raises:
            ShapeError: If a tensor is missing or does not fit.
        """
        master = None
        if "master_logit" in tensors:
            master = FeedForwardWeights.from_tensors(tensors, activation, "master_")
        parts: dict[str, Any] = {name: take(tensors, name) for name in _TREE_TENSORS}
        return cls(
            **parts,
            activation=activation,
            master=master,
            master_logit=tensors.get("master_logit"),
            tie=tie,
            leaf_output_bias=leaf_output_bias,
        )

    @property
    def flops_per_row(self) -> int:
        """`2 d i + 2 (l + m)(i + o)`: the paper's inference cost, O(d n + l), with a master."""
        i, widths = self.input_width, self.leaf_width + self.master_width
        return 2 * self.depth * i + 2 * widths * (i + self.output_width)

    @property
    def bytes_per_row(self) -> int:
        """Weight bytes that one row alone must read: its path, its leaf and the master leaf."""
        path = self.depth * (self.input_width + 1) * self.node_weight.element_size()
        leaf = sum(t.nbytes for t in (self.w1, self.b1, self.w2, self.b2)) // self.leaves
        return path + leaf + (self.master.bytes_per_row if self.master else 0)


Baseline = FeedForwardWeights | LowRankWeights | MixtureWeights | MultilayerWeights | RasterWeights
"""A network of any kind but an FFF: it has no tree, and so no leaves."""

Weights = FFFWeights | Baseline
"""A network of any kind; `kind` names it. An `FFFWeights` alone has a tree, and so leaves."""


class HasTensors(Protocol):
    """A network of any kind, of those of other packages too."""

    def tensors(self) -> Mapping[str, Tensor]:
        """Every tensor by its name."""
        ...


def weight_bytes(weights: HasTensors) -> int:
    """Bytes of every tensor of a network."""
    return sum(tensor.nbytes for tensor in weights.tensors().values())
