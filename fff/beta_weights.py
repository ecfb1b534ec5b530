"""
FFF-beta: the layer of UltraFastBERT, whose nodes are neurons that also decide where a row goes.

A row walks every tree from its root: it goes right where the neuron's sum `z = x . w_in + b_in` is
above 0 (tie rule `gt`), and each neuron it meets adds `act(z) w_out`. What routes and what is
activated is the same number. The last neuron of a path decides nothing.

Covered:      its tensors, checked to fit together, and what a row costs.
Not covered:  the layer with leaves (`fff.weights`); training (`fff.beta`).

Shape letters, beside those of `fff.weights` (`n`, `i`, `o`):
    k  trees     d  depth: decisions of a path; d + 1 neurons of 2**(d + 1) - 1 are used

Nodes are in heap order, tree by tree: node `j` has children `2j + 1` (left) and `2j + 2` (right).
Leaf `j` of a tree is node `2**d - 1 + j`: its bits are the decisions on its path, as in
`fff.weights`.

Source: Belcak and Wattenhofer, "Exponentially Faster Language Modelling", arXiv:2311.10770, and
its training code (pbelcak/UltraFastBERT, `training/cramming/architectures/fff.py`); the
benchmarks beside it compute something else: docs/decisions/0023-fff-beta.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from torch import Tensor

from fff.activations import activation_by_name
from fff.names import LayerKind, TieRule
from fff.nodes import Nodes
from fff.shapes import ShapeError, expect, take


@dataclass(frozen=True, slots=True)
class FFFBetaWeights:
    """
    Trees of neurons, whose outputs are summed.

    Attributes:
        w_in: Input weights, `[k, 2**(d + 1) - 1, i]`.
        b_in: Input biases, `[k, 2**(d + 1) - 1]`. There is no output bias.
        w_out: Output weights, `[k, 2**(d + 1) - 1, o]`.
        activation: A name of `fff.activations`.
        tie: Where a sum of exactly 0 goes.

    Raises:
        ShapeError: If the tensors do not fit together.
        ValueError: If the activation is unknown.
    """

    kind: ClassVar[LayerKind] = "fff_beta"

    w_in: Tensor
    b_in: Tensor
    w_out: Tensor
    activation: str = "gelu"
    tie: TieRule = "gt"

    def __post_init__(self) -> None:
        if self.w_in.ndim != 3 or self.w_out.ndim != 3:
            raise ShapeError(
                "w_in must be [trees, nodes, in] and w_out [trees, nodes, out], "
                f"got {list(self.w_in.shape)} and {list(self.w_out.shape)}"
            )
        if self.trees < 1 or self.nodes != 2 ** (self.depth + 1) - 1:
            raise ShapeError(
                "trees must be at least 1, and nodes of each a power of two less one; "
                f"got {self.trees} and {self.nodes}"
            )
        expect("b_in", self.b_in, (self.trees, self.nodes))
        expect("w_out", self.w_out, (self.trees, self.nodes, self.output_width))
        activation_by_name(self.activation)

    @property
    def trees(self) -> int:
        return self.w_in.shape[0]

    @property
    def nodes(self) -> int:
        """Neurons of one tree."""
        return self.w_in.shape[1]

    @property
    def depth(self) -> int:
        """Decisions on a path; of the neurons it meets there is one more."""
        return (self.nodes + 1).bit_length() - 2

    @property
    def leaves(self) -> int:
        """Last neurons of one tree, each of a path of its own."""
        return (self.nodes + 1) // 2

    @property
    def input_width(self) -> int:
        return self.w_in.shape[2]

    @property
    def output_width(self) -> int:
        return self.w_out.shape[2]

    def deciding(self) -> tuple[Nodes, ...]:
        """Of each tree the nodes that decide, which explain the path to a leaf of that tree."""
        inner = self.leaves - 1
        parts = zip(self.w_in[:, :inner].cpu(), self.b_in[:, :inner].cpu(), strict=True)
        return tuple(Nodes(weight, bias, self.tie) for weight, bias in parts)

    def tensors(self) -> dict[str, Tensor]:
        return {"w_in": self.w_in, "b_in": self.b_in, "w_out": self.w_out}

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], activation: str = "gelu", tie: TieRule = "gt"
    ) -> Self:
        """
        Build from named tensors, the inverse of `tensors`; without `b_in` its biases are 0.

        Raises:
            ShapeError: If another tensor is missing, or one does not fit.
        """
        w_in, w_out = take(tensors, "w_in"), take(tensors, "w_out")
        b_in = tensors.get("b_in")
        return cls(
            w_in, w_in.new_zeros(w_in.shape[:2]) if b_in is None else b_in, w_out, activation, tie
        )

    @property
    def flops_per_row(self) -> int:
        """`2 k (d + 1) (i + o)`."""
        return 2 * self.trees * (self.depth + 1) * (self.input_width + self.output_width)

    @property
    def bytes_per_row(self) -> int:
        """Weight bytes that one row alone must read: the neurons of its paths."""
        neuron = (self.input_width + 1 + self.output_width) * self.w_in.element_size()
        return self.trees * (self.depth + 1) * neuron
