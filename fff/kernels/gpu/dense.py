"""
Networks that need no grouping of rows, the dense one among them, on a GPU.

By PyTorch's own kernels, by graph and pinned memory as the FFF is.
"""

from functools import partial

import torch
from torch import Tensor

from fff.inference_result import InferenceResult
from fff.kernels.gpu.graphs import MOST_ROWS, BatchGraphs, DeviceBatch
from fff.kernels.torch_dense import Forward, Ungrouped, forward_on, output_class_of
from fff.nodes import Nodes


class GraphedDense:
    """
    The baseline beside an FFF that is served by Triton.

    Args:
        weights: On any device; copied.
        device: A CUDA device; or the CPU, where nothing is captured.
        max_rows: Most rows of one replay.
    """

    name, dtype = "torch", "float32"
    rechecked_rows = 0
    trees: tuple[Nodes, ...] = ()

    def __init__(self, weights: Ungrouped, device: torch.device, max_rows: int = MOST_ROWS):
        self.device = device
        self.output_class = output_class_of(weights)
        widths = weights.input_width, weights.output_width
        compute = partial(_compute, forward_on(device, weights))
        self._graphs = BatchGraphs(device, *widths, max_rows, compute)

    def staging(self, rows: int) -> Tensor:
        """Memory to write rows into, as `BatchGraphs.staging`."""
        return self._graphs.staging(rows)

    def infer(self, x: Tensor) -> InferenceResult:
        """Compute `[n, i]` float32 rows; the prediction is on the CPU."""
        logits = torch.from_numpy(self._graphs.infer(x).logits)
        no_layer = torch.empty(len(x), 0)
        return InferenceResult(logits, no_layer.int(), no_layer)


def _compute(forward: Forward, batch: DeviceBatch, bucket: int) -> None:
    forward(batch.x, out=batch.logits)
