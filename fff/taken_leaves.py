"""
The leaf that each row took, computed and differentiated in plain PyTorch, rows grouped by leaf.

Covered:      any float dtype (narrower than float32 is computed in float32); every activation, with
              torch's own derivatives; each leaf that is used reads its weights once.
Not covered:  which leaf that is (`fff.reference`, kernels); the master leaf; second derivatives.

Shape letters: see `fff.weights`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

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
        act, x = activation_by_name(self.activation), wide(x)
        y = x.new_empty(len(x), self.b2.shape[1])
        for j, rows in _by_leaf(leaf):
            hidden = act(x[rows] @ wide(self.w1[j]) + wide(self.b1[j]))  # [rows, l]
            y[rows] = hidden @ wide(self.w2[j]) + wide(self.b2[j])
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
        act, back = activation_by_name(self.activation), BACK_THROUGH[self.activation]
        tensors = (x, self.w1, self.b1, self.w2, self.b2)
        of_x, of_w1, of_b1, of_w2, of_b2 = (torch.zeros_like(t) for t in tensors)
        x, grad = wide(x), grad.to(wide(x).dtype)
        for j, rows in _by_leaf(leaf):
            mine, g = x[rows], grad[rows]
            w1, w2 = wide(self.w1[j]), wide(self.w2[j])
            sums = mine @ w1 + wide(self.b1[j])  # [rows, l]
            of_w2[j], of_b2[j] = act(sums).T @ g, g.sum(0)
            g = back(g @ w2.T, sums)  # [rows, l]
            of_w1[j], of_b1[j] = mine.T @ g, g.sum(0)
            of_x[rows] = (g @ w1.T).to(of_x.dtype)
        return of_x, of_w1, of_b1, of_w2, of_b2


def _by_leaf(leaf: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Each leaf that is used, and its rows, `[rows]`, int64."""
    used, counts = torch.unique(leaf, return_counts=True)
    rows = torch.split(leaf.argsort(stable=True), counts.tolist())
    yield from zip(used.tolist(), rows, strict=True)
