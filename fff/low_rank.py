"""
The weights of a dense network whose up projection is a product of two thin matrices.

It has the hidden width of a dense network and fewer multiplications, so it is the baseline to beat
where an FFF is said to be cheaper than a dense layer at the same width.

Shape letters: see `fff.weights`; r is the rank.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from torch import Tensor

from fff.activations import activation_by_name
from fff.names import Kind
from fff.shapes import ShapeError, expect, take


@dataclass(frozen=True, slots=True)
class LowRankWeights:
    """
    One hidden layer, `act((x @ u) @ v + b1) @ w2 + b2`.

    Attributes:
        u: First factor of the up projection, `[i, r]`.
        v: Second factor, `[r, w]`.
        b1: Hidden biases, `[w]`.
        w2: Down projection, `[w, o]`.
        b2: Output biases, `[o]`.
        activation: A name of `fff.activations`.
    """

    kind: ClassVar[Kind] = "low_rank"

    u: Tensor
    v: Tensor
    b1: Tensor
    w2: Tensor
    b2: Tensor
    activation: str

    def __post_init__(self) -> None:
        if any(tensor.ndim != 2 for tensor in (self.u, self.v, self.w2)):
            raise ShapeError(
                f"u must be [in, rank], v [rank, width] and w2 [width, out], got "
                f"{list(self.u.shape)}, {list(self.v.shape)} and {list(self.w2.shape)}"
            )
        expect("v", self.v, (self.rank, self.hidden_width))
        expect("b1", self.b1, (self.hidden_width,))
        expect("w2", self.w2, (self.hidden_width, self.output_width))
        expect("b2", self.b2, (self.output_width,))
        activation_by_name(self.activation)

    @property
    def input_width(self) -> int:
        return self.u.shape[0]

    @property
    def rank(self) -> int:
        return self.u.shape[1]

    @property
    def hidden_width(self) -> int:
        return self.v.shape[1]

    @property
    def output_width(self) -> int:
        return self.w2.shape[1]

    def tensors(self) -> dict[str, Tensor]:
        return {"u": self.u, "v": self.v, "b1": self.b1, "w2": self.w2, "b2": self.b2}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], activation: str) -> Self:
        """
        Build from named tensors, the inverse of `tensors`.

        Raises:
            ShapeError: If a tensor is missing or does not fit.
        """
        parts = {name: take(tensors, name) for name in ("u", "v", "b1", "w2", "b2")}
        return cls(**parts, activation=activation)

    @property
    def flops_per_row(self) -> int:
        """Multiplications and additions of one row: `2 (i r + r w + w o)`."""
        i, r, w, o = self.input_width, self.rank, self.hidden_width, self.output_width
        return 2 * (i * r + r * w + w * o)

    @property
    def bytes_per_row(self) -> int:
        """Weight bytes that one row alone must read: all of them."""
        return sum(tensor.nbytes for tensor in self.tensors().values())
