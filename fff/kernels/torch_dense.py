"""
Networks that need no grouping of rows, in portable PyTorch: each operation takes the whole batch.

Covered:      the dense network, one of low rank, the multilayer perceptron; a raster
              (`fff.kernels.torch_raster`).
Not covered:  bitwise equal logits across batch sizes, but for a raster: matrix products round by
              shape.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from fff.activations import activation_by_name, multilayer_activation
from fff.inference_result import InferenceResult
from fff.kernels.torch_raster import Interpolation
from fff.low_rank import LowRankWeights
from fff.multilayer import MultilayerWeights, fourier_features
from fff.nodes import Nodes
from fff.raster import RasterWeights
from fff.weights import FeedForwardWeights

Products = FeedForwardWeights | LowRankWeights | MultilayerWeights
"""Networks of matrix products alone: every row meets every weight."""

Ungrouped = Products | RasterWeights
"""Networks whose rows are computed as they come."""

Forward = Callable[..., Tensor]
"""Takes rows, `[n, i]`, and as `out`, if wanted, memory for what it returns, `[n, o]`."""


def feed_forward(x: Tensor, w: Products, out: Tensor | None = None) -> Tensor:
    """Compute `[n, i]` to `[n, o]`, as one matrix product a layer, or two of low rank."""
    if isinstance(w, MultilayerWeights):
        return _multilayer(x, w, out)
    if isinstance(w, LowRankWeights):
        score = torch.addmm(w.b1, x @ w.u, w.v)  # [n, w]
    else:
        score = torch.addmm(w.b1, x, w.w1)
    return torch.addmm(w.b2, activation_by_name(w.activation)(score), w.w2, out=out)


def _multilayer(x: Tensor, w: MultilayerWeights, out: Tensor | None) -> Tensor:
    act = multilayer_activation(w.activation)
    *hidden_layers, (last, last_bias) = w.layers
    hidden = x if w.fourier is None else fourier_features(x, w.fourier)
    for matrix, bias in hidden_layers:
        hidden = act(torch.addmm(bias, hidden, matrix))  # [n, h_k]
    return torch.addmm(last_bias, hidden, last, out=out)


def forward_on(device: torch.device, w: Ungrouped) -> Forward:
    """A network's computation, with a copy of its weights on a device."""
    tensors = {name: t.to(device) for name, t in w.tensors().items()}
    if isinstance(w, RasterWeights):
        return Interpolation(RasterWeights.from_tensors(tensors))
    return partial(feed_forward, w=type(w).from_tensors(tensors, w.activation))


def output_class_of(w: Ungrouped) -> Literal["strict", "fast"]:
    """Interpolation is elementwise; a matrix product rounds by its shape."""
    return "strict" if isinstance(w, RasterWeights) else "fast"


class TorchDense:
    """A network of matrix products in plain PyTorch, the dense baseline among them; or a raster."""

    name, dtype = "torch", "float32"
    rechecked_rows = 0
    trees: tuple[Nodes, ...] = ()

    def __init__(self, weights: Ungrouped, device: torch.device):
        self.device = device
        self.output_class = output_class_of(weights)
        self._input_width = weights.input_width
        self._forward = forward_on(device, weights)

    def staging(self, rows: int) -> Tensor:
        """Memory to write rows into, `[rows, i]`."""
        return torch.empty(rows, self._input_width)

    @torch.inference_mode()
    def infer(self, x: Tensor) -> InferenceResult:
        """Compute `[n, i]` float32 rows; the prediction is on the CPU."""
        logits = self._forward(x.to(self.device)).cpu()
        no_layer = torch.empty(len(x), 0)
        return InferenceResult(logits, no_layer.int(), no_layer)
