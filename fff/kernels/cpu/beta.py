"""
FFF-beta on the CPU, compiled by Numba for the machine it runs on.

Covered:      bitwise the same outputs, leaves and margins for a row in any batch, at any position
              and with any number of threads; every activation, both tie rules, depth 0.
Not covered:  storage narrower than float32; rows of a large batch sorted as a whole (`beta_walk`).
              Design and figures: docs/decisions/0023-fff-beta.md.
"""

import threading
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from fff.beta_weights import FFFBetaWeights
from fff.inference_result import InferenceResult
from fff.kernels.cpu import tables as t
from fff.kernels.cpu.beta_layout import PackedBeta, pack
from fff.kernels.cpu.beta_walk import HIDDEN, VISITS, compute_trees, work_trees
from fff.kernels.cpu.compile import report
from fff.kernels.cpu.compiled_layer import CompiledLayer, Outputs
from fff.kernels.cpu.single_rows import SingleRows
from fff.kernels.cpu.threads import HelperThreads
from fff.nodes import Nodes

report()

_BRIEF_FLOPS = 2_000_000
"""Up to here a call keeps the interpreter lock and its one thread, as in `backend`."""


class BetaLayer(CompiledLayer):
    """Trees of neurons that compute; see `CompiledLayer`."""

    def __init__(self, packed: PackedBeta, threads: int):
        table = packed.table({t.COMPUTE: compute_trees.address, t.WORK: work_trees.address})
        hidden_bytes = HIDDEN + 4 * VISITS * packed.fields[t.H_COLUMNS]
        super().__init__(packed, [table], threads, hidden_bytes)


class NumbaBeta:
    """
    FFF-beta, compiled; `infer` may be called from several threads.

    Args:
        weights: Copied into the kernel's layout; not kept.
        device: `cpu`; no other is taken.
        threads: Most threads of one call, at least 1. Results do not depend on it.

    Attributes:
        rechecked_rows: Rows so far that met a score whose sign float32 left in doubt.

    Raises:
        ValueError: If the device, the number of threads, the depth or the activation is not one
            of the kernel's.
    """

    name, dtype = "numba", "float32"
    output_class: Literal["strict"] = "strict"

    def __init__(self, weights: FFFBetaWeights, device: torch.device, *, threads: int = 1):
        if device.type != "cpu" or threads < 1:
            raise ValueError(f"needs the CPU and threads >= 1; got {device} and {threads}")
        self.device = device
        self.rechecked_rows = 0
        self.input_width, self.output_width = weights.input_width, weights.output_width
        self._packed, self._trees, self._tie = pack(weights), weights.trees, weights.tie
        self._layer = BetaLayer(self._packed, threads)
        self._brief_rows = _BRIEF_FLOPS // weights.flops_per_row
        self._helpers = HelperThreads(threads - 1) if threads > 1 else None
        self._single_rows = SingleRows(self.output_width, weights.trees)
        self._count_lock = threading.Lock()

    @cached_property
    def trees(self) -> tuple[Nodes, ...]:
        """Of each tree the nodes that decide: views of the kernel's own."""
        return self._packed.deciding(self.input_width, self._tie)

    def staging(self, rows: int) -> Tensor:
        """Memory to write rows into, `[rows, i]`."""
        return torch.empty(rows, self.input_width)

    def infer(self, x: Tensor) -> InferenceResult:
        """
        Compute `[n, i]` rows; see `fff.backends.Backend`.

        A prediction of one row shares its memory with up to 63 others.

        Raises:
            ValueError: If `x` is not `[n, i]`.
        """
        x = self._checked(x)
        if x.shape[0] == 1:
            logits, leaf, margin, addresses, _ = self._single_rows.take()
            self._count(self._layer.run_row(x.data_ptr(), addresses))
            return InferenceResult(logits, leaf, margin)
        return InferenceResult(*self._compute(x))

    def descend(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute rows; see `fff.backend_protocol.BetaBackend`."""
        return self._compute(self._checked(x))

    def _checked(self, x: Tensor) -> Tensor:
        shape = x.shape
        if len(shape) != 2 or shape[1] != self.input_width:
            raise ValueError(f"x must be [n, {self.input_width}], got {list(shape)}")
        if x.dtype is not torch.float32 or not x.is_contiguous() or not x.is_cpu:
            x = x.detach().to("cpu", torch.float32).contiguous()
        return x

    def _compute(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        n = x.shape[0]
        out = self._rows(n)
        if n:
            brief = n <= self._brief_rows
            helpers = None if brief else self._helpers
            self._count(self._layer.run(n, x.data_ptr(), out, helpers, brief))
        return out[:3]

    def _rows(self, n: int) -> Outputs:
        logits, margin = torch.empty(n, self.output_width), torch.empty(n, self._trees)
        leaf = torch.empty(n, self._trees, dtype=torch.int32)
        return logits, leaf, margin, logits.data_ptr(), leaf.data_ptr(), margin.data_ptr()

    def _count(self, rechecked: int) -> None:
        if rechecked:
            with self._count_lock:
                self.rechecked_rows += rechecked
