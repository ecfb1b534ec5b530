# mypy: allow-untyped-calls
"""
The layer in Triton for rows that are on the device already: launches on the caller's own stream.

Covered:      as `backend`, without the master leaf; rows in parts of `MOST_ROWS`; calls from any
              threads and streams, as each has scratch memory of its own; capture by the caller.
Not covered:  graphs of its own, and so small batches as quick as `backend` has them.
"""

from dataclasses import replace

import torch
from torch import Tensor
from torch.cuda import device as on_device

from fff.kernels.gpu.graphs import MOST_ROWS, DeviceBatch
from fff.kernels.gpu.launch import launch
from fff.kernels.gpu.layer import PackedLayer, scratch
from fff.kernels.gpu.tuning import DEFAULT_TUNING, Tuning
from fff.weights import FFFWeights


class TritonResident:
    """
    A packed layer; called with rows, it enqueues their computation and never waits.

    Args:
        weights: Without a master leaf; copied.
        device: A CUDA device; or the CPU, in Triton's interpreter.
        leaf_dtype: `float32`, `bfloat16` or `float16`.
        most_rows: Most rows of one launch; more are several.
        tuning: Choices that change no result.
    """

    def __init__(
        self,
        weights: FFFWeights,
        device: torch.device,
        leaf_dtype: str,
        most_rows: int = MOST_ROWS,
        tuning: Tuning = DEFAULT_TUNING,
    ):
        self._device, self._most_rows = device, most_rows
        self._layer = PackedLayer.pack(weights, device, leaf_dtype, max_rows=0, tuning=tuning)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """
        Compute `[n, i]` rows.

        Returns:
            Logits, `[n, o]`, float32; leaf, `[n]`, int32; margin, `[n]`, float32.
        """
        n, rows = len(x), x.detach().float().contiguous()
        logits = rows.new_empty(n, self._layer.output_width)
        leaf, margin = rows.new_empty(n, dtype=torch.int32), rows.new_empty(n)
        with on_device(self._device if self._device.type == "cuda" else -1):  # -1: as it is
            for start in range(0, n, self._most_rows):
                part = slice(start, start + self._most_rows)
                self._launch(rows[part], logits[part], leaf[part], margin[part])
        return logits, leaf, margin

    def _launch(self, x: Tensor, logits: Tensor, leaf: Tensor, margin: Tensor) -> None:
        n = len(x)
        layer = replace(self._layer, groups=scratch(n, self._device))
        n_rows = torch.full((1,), n, dtype=torch.int32, device=self._device)
        rechecked = torch.zeros(1, dtype=torch.int64, device=self._device)
        launch(layer, DeviceBatch(n_rows, x, logits, leaf, margin, rechecked), n)
