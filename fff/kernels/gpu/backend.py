"""
Hard descent on an NVIDIA GPU: Triton kernels, replayed as one CUDA graph a batch size.

Covered:      the leaf of `fff.reference.route`, always (`route`); logits whose bits do not depend
              on the batch (`leaves`); every activation, the master leaf, depth 0; float32,
              bfloat16 and float16 leaves, always with float32 routing.
Not covered:  bitwise equal margins across batch sizes: scores of small batches are summed
              several levels at once. Inputs beyond float16's range with float16 leaves.

Importing this file needs Triton. Without a GPU it runs, slowly, in Triton's interpreter, if the
environment had `TRITON_INTERPRET=1` before Triton was imported: for tests.
"""

from functools import partial
from typing import Literal

import torch
import triton
from torch import Tensor
from triton.runtime.interpreter import InterpretedFunction

from fff.errors import BackendUnavailable
from fff.inference_result import InferenceResult
from fff.kernels.gpu.graphs import MOST_ROWS, BatchGraphs
from fff.kernels.gpu.launch import launch
from fff.kernels.gpu.layer import PackedLayer
from fff.kernels.gpu.route import route
from fff.kernels.gpu.tuning import DEFAULT_TUNING, Tuning
from fff.nodes import Nodes
from fff.weights import FFFWeights


class TritonGrouped:
    """
    The FFF layer in Triton, for one device. Calls from several threads take turns.

    Args:
        weights: The layer's, on any device; copied.
        device: A CUDA device; or the CPU, in Triton's interpreter.
        leaf_dtype: How leaves are stored and multiplied: `float32`, `bfloat16` or `float16`.
        max_rows: Most rows of one replay, up to 4,096; more are several.
        tuning: Choices that change no result.

    Attributes:
        layer: What the kernels read.
        graphs: What is replayed.

    Raises:
        BackendUnavailable: If the device is neither.
        ValueError: If `leaf_dtype` is none of the three.
    """

    name = "triton"
    # By design, and so in the interpreter; on a device, whoever serves it looks first (decision 8).
    output_class: Literal["strict"] = "strict"

    def __init__(
        self,
        weights: FFFWeights,
        device: torch.device,
        leaf_dtype: str = "float32",
        max_rows: int = MOST_ROWS,
        tuning: Tuning = DEFAULT_TUNING,
    ):
        if device.type != "cuda" and not isinstance(route, InterpretedFunction):
            raise BackendUnavailable(
                f"Triton {triton.__version__} needs a CUDA device or TRITON_INTERPRET=1 in the "
                f"environment; got device {device}"
            )
        self.device, self.dtype = device, leaf_dtype
        self.trees = (Nodes.of(weights),)
        self.layer = PackedLayer.pack(weights, device, leaf_dtype, min(max_rows, MOST_ROWS), tuning)
        widths = self.layer.input_width, self.layer.output_width
        self.graphs = BatchGraphs(device, *widths, max_rows, partial(launch, self.layer))

    @property
    def rechecked_rows(self) -> int:
        """Rows so far whose leaf the float32 screen left in doubt."""
        return self.graphs.rechecked_rows

    def staging(self, rows: int) -> Tensor:
        """Memory to write rows into, as `BatchGraphs.staging`."""
        return self.graphs.staging(rows)

    def infer(self, x: Tensor) -> InferenceResult:
        """
        Compute `[n, i]` float32 rows; the prediction is on the CPU.

        Raises:
            DeviceLost: For good.
        """
        logits, leaf, margin = (torch.from_numpy(part) for part in self.graphs.infer(x))
        return InferenceResult(logits, leaf[:, None], margin[:, None])
