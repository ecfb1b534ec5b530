"""
The leaf that each row took, computed and differentiated in plain PyTorch, rows grouped by leaf.

Covered:      any float dtype (narrower than float32 is computed in float32); every activation, with
              torch's own derivatives; each leaf that is used reads its weights once.
Not covered:  which leaf that is (`fff.reference`, kernels); the master leaf; second derivatives.

Shape letters: see `fff.weights`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from fff.activations import activation_by_name
from fff.number_types import wide

aten = torch.ops.aten
SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717

BACK_THROUGH: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "elu": lambda g, s: aten.elu_backward(g, 1.0, 1.0, 1.0, False, s),
    "gelu": lambda g, s: aten.gelu_backward(g, s),
    "gelu_tanh": lambda g, s: aten.gelu_backward(g, s, approximate="tanh"),
    "hardswish": lambda g, s: aten.hardswish_backward(g, s),
    "identity": lambda g, s: g,
    "leaky_relu": lambda g, s: aten.leaky_relu_backward(g, s, 0.01, False),
    "mish": lambda g, s: aten.mish_backward(g, s),
    "relu": lambda g, s: aten.threshold_backward(g, s, 0),
    "selu": lambda g, s: aten.elu_backward(g, SELU_ALPHA, SELU_SCALE, 1.0, False, s),
    "sigmoid": lambda g, s: aten.sigmoid_backward(g, torch.sigmoid(s)),
    "silu": lambda g, s: aten.silu_backward(g, s),
    "softplus": lambda g, s: aten.softplus_backward(g, s, 1.0, 20.0),
    "squared_relu": lambda g, s: 2 * g * F.relu(s),
    "tanh": lambda g, s: aten.tanh_backward(g, torch.tanh(s)),
}
"""
Of each activation: the gradient of its value and its argument, to the gradient of its argument.

These are the functions that torch's own autograd calls. Autograd itself is off inside an operator.
"""


@dataclass(frozen=True, slots=True)
class Leaves:
    """
    The leaves of a layer.

    Attributes:
        w1: `[2**d, i, l]`.
        b1: `[2**d, l]`.
        w2: `[2**d, l, o]`.
        b2: `[2**d, o]`.
        activation: A name of `fff.activations`.
    """

    w1: Tensor
    b1: Tensor
    w2: Tensor
    b2: Tensor
    activation: str

    def forward(self, x: Tensor, leaf: Tensor) -> Tensor:
        """
        Compute each row in its own leaf.

        Args:
            x: `[n, i]`, of the weights' dtype.
            leaf: `[n]`, integers.

        Returns:
            `[n, o]`, of the weights' dtype, or float32 where that is narrower.
        """
        order, groups = _by_leaf(leaf)
        by_leaf = wide(x)[order]  # [n, i]
        hidden = activation_by_name(self.activation)(self._sums(by_leaf, groups))
        outputs = hidden.new_empty(len(x), self.b2.shape[1])
        for j, rows in groups:
            torch.addmm(wide(self.b2[j]), hidden[rows], wide(self.w2[j]), out=outputs[rows])
        y = torch.empty_like(outputs)
        y[order] = outputs
        return y

    def backward(self, grad: Tensor, x: Tensor, leaf: Tensor) -> tuple[Tensor, ...]:
        """
        Differentiate `forward`.

        Args:
            grad: Gradient of its result, `[n, o]`.
            x: `[n, i]`.
            leaf: `[n]`, integers.

        Returns:
            Gradients of `x` and of the four tensors, each of its dtype. Of a leaf that no row took
            they are 0.
        """
        order, groups = _by_leaf(leaf)
        rows_x = wide(x)[order]  # [n, i]
        grad = grad.to(rows_x.dtype)[order]  # [n, o]
        sums = self._sums(rows_x, groups)
        hidden = activation_by_name(self.activation)(sums)
        of_w1, of_b1, of_w2, of_b2 = (
            torch.zeros_like(t, dtype=sums.dtype) for t in (self.w1, self.b1, self.w2, self.b2)
        )
        of_hidden, of_rows = torch.empty_like(sums), torch.empty_like(rows_x)
        for j, rows in groups:
            torch.mm(hidden[rows].T, grad[rows], out=of_w2[j])
            torch.sum(grad[rows], 0, out=of_b2[j])
            torch.mm(grad[rows], wide(self.w2[j]).T, out=of_hidden[rows])
        of_sums = BACK_THROUGH[self.activation](of_hidden, sums)
        for j, rows in groups:
            torch.mm(rows_x[rows].T, of_sums[rows], out=of_w1[j])
            torch.sum(of_sums[rows], 0, out=of_b1[j])
            torch.mm(of_sums[rows], wide(self.w1[j]).T, out=of_rows[rows])
        of_x = torch.empty_like(x)
        of_x[order] = of_rows.to(x.dtype)
        weights = ((of_w1, self.w1), (of_b1, self.b1), (of_w2, self.w2), (of_b2, self.b2))
        return of_x, *(gradient.to(tensor.dtype) for gradient, tensor in weights)

    def _sums(self, x: Tensor, groups: "Groups") -> Tensor:
        """What the neurons of each row's leaf are given, `[n, l]`; rows are sorted by leaf."""
        sums = x.new_empty(len(x), self.b1.shape[1])
        for j, rows in groups:
            torch.addmm(wide(self.b1[j]), x[rows], wide(self.w1[j]), out=sums[rows])
        return sums


Groups = list[tuple[int, slice]]
"""Each leaf that is used, and where its rows lie when they are sorted by leaf."""


def _by_leaf(leaf: Tensor) -> tuple[Tensor, Groups]:
    """Sort rows by leaf: their order, `[n]`, int64, and who has which."""
    used, counts = torch.unique(leaf, return_counts=True)
    ends = counts.cumsum(0).tolist()
    slices = (slice(*both) for both in pairwise([0, *ends]))
    return leaf.argsort(stable=True), [*zip(used.tolist(), slices, strict=True)]
