"""
The FFF layer on the CPU, compiled by Numba for the machine it runs on.

Rows descend on a proven float32 screen, are sorted by leaf, and each leaf that is used is read
once for all of its rows, in tiles that keep partial sums in registers. Narrow rows of small leaves
take another way, which sorts nothing (`narrow`). Figures and the ways not taken:
docs/decisions/0007-cpu-kernel.md and 0020-narrow-inputs.md.

Covered:      bitwise the same logits, leaf and margin for a row in any batch, at any position
              and with any number of threads; every activation, the master leaf, depth 0;
              bfloat16 storage of the leaves.
Not covered:  the logits of another backend, or of a processor that is no x86 (leaves are the
              same everywhere; AVX-512, AVX2 and older x86 give the same bits).
"""

import threading
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from fff.inference_result import InferenceResult
from fff.kernels.cpu.compile import report
from fff.kernels.cpu.compiled_layer import Outputs
from fff.kernels.cpu.jobs import mix
from fff.kernels.cpu.layer import Layer
from fff.kernels.cpu.layout import as_tree, pack
from fff.kernels.cpu.single_rows import SingleRows
from fff.kernels.cpu.threads import HelperThreads
from fff.nodes import Nodes
from fff.weights import FFFWeights

report()

_BRIEF_FLOPS = 2_000_000
"""
Up to here (50 µs at 40 GFLOP/s) a call keeps the interpreter lock and its one thread; beyond,
it lets the lock go and helper threads come: two gained nothing at 1.35 and 1.65 at 2.7 million.
"""
_BRIEF_ROWS = 4096
"""The same for rows of few FLOPs, which take 10 to 25 ns each however few."""


class NumbaGrouped:
    """
    The FFF layer, compiled; `infer` may be called from several threads.

    Args:
        weights: Copied into the kernel's layout; not kept.
        device: `cpu`; no other is taken.
        threads: Most threads of one call, at least 1. Results do not depend on it.
        storage: Number type of the leaves' and the master's weights: `float32`, or `bfloat16` for
            a model that is read from memory rather than cache. Routing is float32 always.

    Attributes:
        rechecked_rows: Rows whose leaf the first walk left in doubt, so far: of narrow ones
            (`narrow`) those alone that are not finite.
        trees: One, whose nodes are views of the kernel's own.

    Raises:
        ValueError: If the device, the number of threads, the storage or the activation is not
            one of the kernel's.
    """

    name = "numba"
    output_class: Literal["strict"] = "strict"

    def __init__(
        self,
        weights: FFFWeights,
        device: torch.device,
        *,
        threads: int = 1,
        storage: str = "float32",
    ):
        if device.type != "cpu" or threads < 1:
            raise ValueError(f"needs the CPU and threads >= 1; got {device} and {threads}")
        self.device, self.dtype = device, storage
        self.rechecked_rows = 0
        self.input_width, self.output_width = weights.input_width, weights.output_width
        self._leaves, self._mix = weights.leaves, weights.mix
        packed = pack(weights, storage)
        bias = torch.from_numpy(packed.node_stats[:, 3]).float()  # was float32, so nothing is lost
        self.trees = (Nodes(torch.from_numpy(packed.nodes), bias, weights.tie),)
        self._tree = Layer(packed, threads)
        self._master = (
            Layer(pack(as_tree(weights.master), storage), threads) if weights.master else None
        )
        self._brief_rows = min(_BRIEF_ROWS, _BRIEF_FLOPS // weights.flops_per_row)
        self._helpers = HelperThreads(threads - 1) if threads > 1 else None
        self._single_rows = SingleRows(self.output_width, 1)
        self._scratch: list[Outputs] = []  # of the master leaf's one row, not in use
        self._count_lock = threading.Lock()

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
        shape = x.shape
        if len(shape) != 2 or shape[1] != self.input_width:
            raise ValueError(f"x must be [n, {self.input_width}], got {list(shape)}")
        n = shape[0]  # len(x) takes 0.8 µs
        if x.dtype is not torch.float32 or not x.is_contiguous() or not x.is_cpu:
            x = x.detach().to("cpu", torch.float32).contiguous()
        return self._infer_row(x) if n == 1 else self._infer_rows(x, n)

    def _infer_row(self, x: Tensor) -> InferenceResult:
        logits, leaf, margin, addresses, table = self._single_rows.take()
        self._count(self._tree.run_row(x.data_ptr(), addresses))
        if self._master is not None:
            self._mix_master(x, 1, logits.data_ptr(), None, True)
        return InferenceResult(logits, leaf, margin)

    def _infer_rows(self, x: Tensor, n: int) -> InferenceResult:
        out = self._rows(n)
        if n:
            brief = n <= self._brief_rows
            helpers = None if brief else self._helpers
            self._count(self._tree.run(n, x.data_ptr(), out, helpers, brief))
            if self._master is not None:
                self._mix_master(x, n, out[3], helpers, brief)
        return InferenceResult(*out[:3])

    def _count(self, rechecked: int) -> None:
        if rechecked:
            with self._count_lock:
                self.rechecked_rows += rechecked

    def _mix_master(
        self, x: Tensor, n: int, logits: int, helpers: HelperThreads | None, brief: bool
    ) -> None:
        assert self._master is not None, "asked for without a master leaf. This is a bug."
        master = self._take_scratch(n)
        self._master.run(n, x.data_ptr(), master, helpers, brief)
        mix(logits, master[3], n * self.output_width, self._mix)
        if n == 1:
            self._scratch.append(master)

    def compute_leaves(self, x: Tensor, leaf: Tensor) -> Tensor:
        """
        Compute the given leaves instead of routing: for a router of another kind.

        Args:
            x: Rows, `[n, i]`, converted to float32.
            leaf: The leaf of each row, `[n]`, integers; leaves may repeat in any order.

        Returns:
            Logits, `[n, o]`, float32, without the master leaf.

        Raises:
            ValueError: If the shapes do not fit or a leaf does not exist.
        """
        n = len(leaf)
        if x.shape != (n, self.input_width) or leaf.ndim != 1:
            raise ValueError(
                f"x must be [n, {self.input_width}] and leaf [n], got {list(x.shape)} and "
                f"{list(leaf.shape)}"
            )
        x = x.detach().to("cpu", torch.float32).contiguous()
        leaf = leaf.to("cpu", torch.int32).contiguous()
        # Seen as unsigned, a negative number is larger than any leaf.
        if n and leaf.numpy().view(np.uint32).max() >= self._leaves:
            raise ValueError(f"leaves must be 0 to {self._leaves - 1}, got {leaf.tolist()[:8]}")
        logits, _, margin, logits_address, _, margin_address = self._rows(n)
        if n:
            brief = n <= self._brief_rows
            out = logits, leaf, margin, logits_address, leaf.data_ptr(), margin_address
            helpers = None if brief else self._helpers
            self._tree.run(n, x.data_ptr(), out, helpers, brief, leaves_given=True)
        return logits

    def _rows(self, n: int) -> Outputs:
        logits, margin = torch.empty(n, self.output_width), torch.empty(n, 1)
        leaf = torch.empty(n, 1, dtype=torch.int32)
        return logits, leaf, margin, logits.data_ptr(), leaf.data_ptr(), margin.data_ptr()

    def _take_scratch(self, n: int) -> Outputs:
        try:
            return self._scratch.pop() if n == 1 else self._rows(n)
        except IndexError:
            return self._rows(n)
