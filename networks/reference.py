"""
The slow truth of networks: each layer that routes by `fff.reference`, each example alone.

The dense parts are torch's here too, since nothing of ours computes them.
"""

import torch
from torch import Tensor

from fff import beta_reference, reference
from fff.backends import OutputClass
from fff.inference_result import InferenceResult
from fff.weights import FFFWeights
from networks.backend import NetworkBackend
from networks.routed import nodes_of
from networks.weights import AnyWeights, LayerWeights, NetworkWeights

NEAR_TIE = 1e-3
"""
A margin up to which rounding before a layer may turn a decision: the dense parts of a batch differ
by some 1e-6 of their size from those of an example alone, and bfloat16 leaves by more.
"""


class _Layer:
    """A layer that routes, as `fff.reference` computes it: a backend."""

    name, dtype = "reference", "float32"
    output_class: OutputClass = "strict"
    rechecked_rows = 0

    def __init__(self, weights: LayerWeights):
        self._weights = weights
        self.device, self.trees = torch.device("cpu"), nodes_of(weights)

    def staging(self, rows: int) -> Tensor:
        """Memory to write rows into, `[rows, i]`."""
        return torch.empty(rows, self._weights.input_width)

    def infer(self, x: Tensor) -> InferenceResult:
        """Compute `[n, i]` rows."""
        if isinstance(self._weights, FFFWeights):
            return reference.infer(x, self._weights)
        return beta_reference.infer(x, self._weights)


def infer(x: Tensor, weights: AnyWeights) -> InferenceResult:
    """The prediction that any backend must return for `x`, `[n, i]`, float32, but for near ties."""
    if not isinstance(weights, NetworkWeights):
        return reference.infer(x, weights)
    return NetworkBackend(weights, torch.device("cpu"), _Layer, strict=True).infer(x)


def turned(expected: InferenceResult, result: InferenceResult) -> tuple[Tensor, Tensor]:
    """
    Find the examples that went other ways, and those of them that rounding may have turned.

    What lies behind a decision that was turned has other inputs, so that of each example only the
    first layer with another leaf is looked at.

    Args:
        expected: Of `n` examples, with margins.
        result: Of the same examples.

    Returns:
        Of each example whether a leaf differs, and whether every one in the first such layer is a
        near tie, `[n]` and `[n]`, bool.
    """
    first = first_turned(expected, result)
    far = first & (expected.margin > NEAR_TIE)
    other = first.flatten(1).any(1)
    return other, other & ~far.flatten(1).any(1)


def first_turned(expected: InferenceResult, result: InferenceResult) -> Tensor:
    """Other leaves, of each example those in the first layer that has any, as `leaf`; bool."""
    other = expected.leaf != result.leaf  # [n, layers], or [n, layers, t]
    in_layer = other.any(2) if other.ndim == 3 else other  # [n, layers]
    first = in_layer & (in_layer.cumsum(1) == 1)
    return other & (first[:, :, None] if other.ndim == 3 else first)
