"""
The weights of a feedforward network with one hidden layer: the dense baseline, and a master leaf.

Shape letters: see `fff.weights`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from torch import Tensor

from fff.activations import activation_by_name
from fff.names import Kind
from fff.shapes import ShapeError, expect, take


@dataclass(frozen=True, slots=True)
class FeedForwardWeights:
    """
    One hidden layer, `act(x @ w1 + b1) @ w2 + b2`: a dense network, or a master leaf.

    Attributes:
        w1: Up projection, `[i, w]`.
        b1: Hidden biases, `[w]`.
        w2: Down projection, `[w, o]`.
        b2: Output biases, `[o]`.
        activation: A name of `fff.activations`.
    """

    kind: ClassVar[Kind] = "dense"

    w1: Tensor
    b1: Tensor
    w2: Tensor
    b2: Tensor
    activation: str

    def __post_init__(self) -> None:
        if self.w1.ndim != 2 or self.w2.ndim != 2:
            raise ShapeError(
                f"w1 must be [in, width] and w2 [width, out], "
                f"got {list(self.w1.shape)} and {list(self.w2.shape)}"
            )
        expect("b1", self.b1, (self.hidden_width,))
        expect("w2", self.w2, (self.hidden_width, self.output_width))
        expect("b2", self.b2, (self.output_width,))
        activation_by_name(self.activation)

    @property
    def input_width(self) -> int:
        return self.w1.shape[0]

    @property
    def hidden_width(self) -> int:
        return self.w1.shape[1]

    @property
    def output_width(self) -> int:
        return self.w2.shape[1]

    def tensors(self) -> dict[str, Tensor]:
        return {"w1": self.w1, "b1": self.b1, "w2": self.w2, "b2": self.b2}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], activation: str, prefix: str = "") -> Self:
        parts = {name: take(tensors, prefix + name) for name in ("w1", "b1", "w2", "b2")}
        return cls(**parts, activation=activation)

    @property
    def flops_per_row(self) -> int:
        """Multiplications and additions of one row: `2 w (i + o)`."""
        return 2 * self.hidden_width * (self.input_width + self.output_width)

    @property
    def bytes_per_row(self) -> int:
        """Weight bytes that one row alone must read."""
        return sum(tensor.nbytes for tensor in self.tensors().values())
