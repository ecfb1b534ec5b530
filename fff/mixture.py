"""
A sparsely gated mixture of experts: its weights, and which experts a row is given to.

The rival of the FFF in its paper's table 2. A row meets all columns of the gate and `k` of the `E`
experts, where a row of an FFF meets one path and one leaf.

A row's experts are a property of the row and the model alone, whatever it is batched with and on
whatever device: a row whose k-th and next scores are closer to each other than sums in float32 can
tell is scored again in float64, and if need be in one fixed order of additions (`fff.decision`).

Covered:      hard selection, ties, the softmax over the selected.
Not covered:  noise and the losses of balance, which are of training (`fff.baselines`,
              `fff.expert_balance`); more than one layer of gates.

Shape letters: see `fff.weights`; E experts of hidden width l, of which a row meets k.

Source: Shazeer et al., Outrageously Large Neural Networks, arXiv:1701.06538, section 2. Its gate
has no bias, ours has, so that inputs may be shifted (`training.coordinates`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from fff.activations import activation_by_name
from fff.decision import canonical_score
from fff.names import Kind
from fff.shapes import ShapeError, expect, take

_LEAST = 2.0**-40
"""Of a norm: of smaller numbers the squares and products may underflow, and bound nothing."""

_TENSORS = ("gate_weight", "gate_bias", "w1", "b1", "w2", "b2")


@dataclass(frozen=True, slots=True)
class MixtureWeights:
    """
    Experts of one hidden layer each, `act(x @ w1 + b1) @ w2 + b2`, and their gate.

    Attributes:
        gate_weight: `[i, E]`; an expert's score is `x @` its column, plus its bias.
        gate_bias: `[E]`.
        w1: Up projections, `[E, i, l]`.
        b1: Hidden biases, `[E, l]`.
        w2: Down projections, `[E, l, o]`.
        b2: Output biases, `[E, o]`.
        activation: A name of `fff.activations`.
        top_k: `k`, from 1 to E: how many experts a row is given to. Its output is theirs, weighted
            by the softmax of their scores.
    """

    kind: ClassVar[Kind] = "mixture"

    gate_weight: Tensor
    gate_bias: Tensor
    w1: Tensor
    b1: Tensor
    w2: Tensor
    b2: Tensor
    activation: str
    top_k: int

    def __post_init__(self) -> None:
        if self.w1.ndim != 3 or self.w2.ndim != 3:
            raise ShapeError(
                f"w1 must be [experts, in, width] and w2 [experts, width, out], "
                f"got {list(self.w1.shape)} and {list(self.w2.shape)}"
            )
        expect("gate_weight", self.gate_weight, (self.input_width, self.experts))
        expect("gate_bias", self.gate_bias, (self.experts,))
        expect("b1", self.b1, (self.experts, self.expert_width))
        expect("w2", self.w2, (self.experts, self.expert_width, self.output_width))
        expect("b2", self.b2, (self.experts, self.output_width))
        if not 1 <= self.top_k <= self.experts:
            raise ShapeError(f"top_k must be from 1 to {self.experts} experts, got {self.top_k}")
        activation_by_name(self.activation)

    @property
    def experts(self) -> int:
        return self.w1.shape[0]

    @property
    def input_width(self) -> int:
        return self.w1.shape[1]

    @property
    def expert_width(self) -> int:
        return self.w1.shape[2]

    @property
    def output_width(self) -> int:
        return self.w2.shape[2]

    def tensors(self) -> dict[str, Tensor]:
        return {name: getattr(self, name) for name in _TENSORS}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], activation: str, top_k: int) -> Self:
        """
        Build from named tensors, the inverse of `tensors`.

        Raises:
            ShapeError: If a tensor is missing or does not fit, or `top_k` is none of 1 to E.
        """
        parts = {name: take(tensors, name) for name in _TENSORS}
        return cls(**parts, activation=activation, top_k=top_k)

    @property
    def flops_per_row(self) -> int:
        """Multiplications and additions of one row: `2 i E + 2 k l (i + o)`."""
        i, selected = self.input_width, self.top_k * self.expert_width
        return 2 * i * self.experts + 2 * selected * (i + self.output_width)

    @property
    def bytes_per_row(self) -> int:
        """Weight bytes that one row alone must read: the gate and `k` experts."""
        experts = sum(tensor.nbytes for tensor in (self.w1, self.b1, self.w2, self.b2))
        gate = self.gate_weight.nbytes + self.gate_bias.nbytes
        return gate + self.top_k * (experts // self.experts)


@dataclass(frozen=True, slots=True)
class Selection:
    """
    The experts of a batch of rows, in the order of their scores, the largest first.

    Attributes:
        expert: `[n, k]`, int64; of equal scores the experts with the lower numbers are selected.
            Which ones is the same in any batch; scores within rounding may change their order.
        share: Softmax of their scores, `[n, k]`, float32; rows sum to 1.
        rescored: Rows whose selection sums in float32 left in doubt.
    """

    expert: Tensor
    share: Tensor
    rescored: int


class Gate:
    """
    Gives rows to experts.

    Args:
        weight: `[i, E]`, float32, on the device of the rows.
        bias: `[E]`, likewise.
        top_k: Experts of a row, from 1 to E.
    """

    def __init__(self, weight: Tensor, bias: Tensor, top_k: int):
        self._weight, self._bias, self._top_k = weight, bias, top_k
        self._exact_weight, self._exact_bias = weight.double(), bias.double()
        # A bias is one more weight, of an input that is always 1.
        extended = torch.cat((self._exact_weight, self._exact_bias[None]))
        width, norm = len(extended), float(extended.norm(dim=0).max())
        # In any order a sum errs by at most `gamma_i |x| |w|`, `gamma_i = i u / (1 - i u)`, `u` of
        # `2**-24` in float32 and `2**-53` in float64, where products are exact (`fff.decision`).
        # The gap of two of them is held against that of two canonical ones, in float64: two and
        # four such errors. The rest is for `1 / (1 - i u)` and the rounding of the norms.
        loose = 1 + width * 2.0**-22
        self._doubt = (width + 2) * 2.0**-23 * loose * norm if norm > _LEAST else math.inf
        self._exact_doubt = (width + 2) * 2.0**-51 * loose * norm
        self._most = 2.0**126 / max(norm, _LEAST)  # of a row: no sum on the way overflows

    def select(self, x: Tensor) -> Selection:
        """Give each of `[n, i]` float32 rows to its experts."""
        k = self._top_k
        most = min(k + 1, self._weight.shape[1])
        # A row with a tie between these is in doubt: `topk` orders ties as it likes.
        best, expert = torch.topk(torch.addmm(self._bias, x, self._weight), most, dim=1)
        norm = _extended_norm(x)  # [n]
        certain = (self._gap(best) > self._doubt * norm) & (norm < self._most)
        doubtful = (~certain).nonzero().flatten()
        share, expert = self._selected(best, expert)
        if len(doubtful):
            share[doubtful], expert[doubtful] = self._selected(*self._exact(x[doubtful]))
        return Selection(expert, share, len(doubtful))

    def _selected(self, best: Tensor, expert: Tensor) -> tuple[Tensor, Tensor]:
        k = self._top_k
        return torch.softmax(best[:, :k], 1).float(), expert[:, :k]

    def _gap(self, best: Tensor) -> Tensor:
        """From the last score selected to the next, `[n]`."""
        k = self._top_k
        return best[:, k - 1] - best[:, k] if k < best.shape[1] else best[:, 0] + math.inf

    def _exact(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores in float64, sorted, and their experts; canonical where those too leave a doubt."""
        exact = x.double()
        best, expert = _sorted(torch.addmm(self._exact_bias, exact, self._exact_weight))
        certain = self._gap(best) > self._exact_doubt * _extended_norm(exact)  # NaN is not
        doubtful = (~certain).nonzero().flatten()
        if len(doubtful):
            best[doubtful], expert[doubtful] = _sorted(self._canonical(x[doubtful]))
        return best, expert

    def _canonical(self, x: Tensor) -> Tensor:
        # Expert by expert: all at once would hold [m, i, E] products.
        columns = [
            canonical_score(x, w.expand_as(x), b.expand(len(x)))
            for w, b in zip(self._exact_weight.T, self._exact_bias, strict=True)
        ]
        return torch.stack(columns, 1)  # [m, E]


def _extended_norm(x: Tensor) -> Tensor:
    """Of rows, `[n, i]`, each with a 1 at its end, `[n]`."""
    norm: Tensor = torch.linalg.vector_norm(x, dim=1)
    return norm.hypot(torch.ones_like(norm))


def _sorted(scores: Tensor) -> tuple[Tensor, Tensor]:
    """From the largest down; equal ones by their numbers, which `topk` does not promise."""
    best, expert = torch.sort(scores, dim=1, descending=True, stable=True)
    return best, expert
