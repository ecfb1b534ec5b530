"""
The FFF layer on the CPU, compiled by Numba for the machine it runs on.

Rows descend on a proven float32 screen, are sorted by leaf, and each leaf that is used is read
once for all of its rows, in tiles that keep partial sums in registers. Figures and the ways not
taken: docs/decisions/0007-cpu-kernel.md.

Covered:      bitwise the same logits, leaf and margin for a row in any batch, at any position
              and with any number of threads; every activation, the master leaf, depth 0;
              bfloat16 storage of the leaves.
Not covered:  the logits of another backend, or of a processor that is no x86 (leaves are the
              same everywhere; AVX-512, AVX2 and older x86 give the same bits).
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fff.inference_result import InferenceResult
from fff.kernels.cpu import tables as t
from fff.kernels.cpu.compile import report
from fff.kernels.cpu.jobs import mix, serve, serve_briefly, sort, work
from fff.kernels.cpu.layout import Packed, as_tree, pack, round_up
from fff.kernels.cpu.leaf import compute_unit
from fff.kernels.cpu.narrow import compute_chunk, walk_chunk, work_unsorted
from fff.kernels.cpu.route import keep_leaves, route
from fff.kernels.cpu.simd import TILE_ROWS
from fff.kernels.cpu.threads import HelperThreads
from fff.nodes import Nodes
from fff.weights import FFFWeights

report()

_CODE = {
    t.ROUTE: route.address,
    t.SORT: sort.address,
    t.COMPUTE: compute_unit.address,
    t.WORK: work.address,
}
_NARROW = {
    t.ROUTE: walk_chunk.address,
    t.COMPUTE: compute_chunk.address,
    t.WORK: work_unsorted.address,
}
_BRIEF_FLOPS = 2_000_000
"""
Up to here (50 µs at 40 GFLOP/s) a call keeps the interpreter lock and its one thread; beyond,
it lets the lock go and helper threads come: two gained nothing at 1.35 and 1.65 at 2.7 million.
"""
_PREALLOCATED_ROWS = 16
"""Outputs of one row allocated at a time: 1.4 µs each, where one by one takes 3.4."""

_Outputs = tuple[Tensor, Tensor, Tensor, int, int, int]
"""Logits, leaves and margins to be written, and their addresses."""


@dataclass(frozen=True, slots=True)
class _Job:
    """
    Memory of one call at a time.

    Attributes:
        rows: Most rows that it is large enough for.
        address: Of the job's table, at the beginning of the memory.
        memory: Table, scratch memory of each thread, order of the rows, and units; in bytes.
    """

    rows: int
    address: int
    memory: npt.NDArray[np.uint8]


class Layer:
    """
    A packed layer that computes; safe to call from several threads.

    Args:
        packed: The layer's weights in the kernel's layout; kept.
        threads: Most threads of one call, the calling one included.
    """

    def __init__(self, packed: Packed, threads: int):
        self._packed, self._threads = packed, threads
        if packed.node_records is not None:
            code = _NARROW
        else:
            code = _CODE
        self._tables = packed.table(code), packed.table(code | {t.ROUTE: keep_leaves.address})
        self._models = [table.ctypes.data for table in self._tables]  # 1.2 µs if read each time
        self._hidden_bytes = round_up(4 * TILE_ROWS * packed.fields[t.H_COLUMNS], 64)
        self._scratch_bytes = round_up(self._hidden_bytes + 8 * packed.fields[t.IN], 128)
        self._free_jobs: list[_Job] = []

    def run(
        self,
        n: int,
        x_address: int,
        out: _Outputs,
        helpers: HelperThreads | None,
        brief: bool,
        leaves_given: bool = False,
    ) -> int:
        """
        Compute `n >= 1` rows.

        Args:
            n: Rows of the batch.
            x_address: Address of the rows, `[n, i]`, float32.
            out: Where to write; of it the leaves are read where they are given.
            helpers: Threads that may help, or None.
            brief: Whether to keep the interpreter lock.
            leaves_given: Whether the leaves are the caller's.

        Returns:
            Number of rows that were routed canonically.
        """
        job = self._take_job(n)
        slot = helpers.slot if helpers is not None and helpers.begin() else 0
        try:
            compute = serve_briefly if brief else serve
            model = self._models[leaves_given]
            rechecked: int = compute(model, job.address, slot, n, x_address, *out[3:])
            return rechecked
        finally:
            if helpers and slot:
                helpers.end()
            self._free_jobs.append(job)

    def _take_job(self, n: int) -> _Job:
        try:
            job = self._free_jobs.pop()
        except IndexError:
            return self._new_job(n)
        return job if n <= job.rows else self._new_job(n)

    def _new_job(self, n: int) -> _Job:
        rows = max(64, 1 << (n - 1).bit_length())
        scratch = 8 * t.JOB_FIELDS
        order = scratch + self._threads * self._scratch_bytes
        units = order + 2 * 8 * rows
        memory = np.zeros(units + 8 * (rows + 1) + 64, np.uint8)
        memory = memory[-memory.ctypes.data % 64 :]
        address = memory.ctypes.data
        table = memory[: 8 * t.JOB_FIELDS].view(np.int64)
        table[t.SCRATCH // 8] = address + scratch
        table[t.SCRATCH_BYTES // 8] = self._scratch_bytes
        table[t.TERMS // 8] = address + scratch + self._hidden_bytes
        table[t.ORDER // 8] = address + order
        table[t.UNITS // 8] = address + units
        return _Job(rows, address, memory)


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
        rechecked_rows: Rows whose leaf the float32 screen left in doubt, so far.
        nodes: Views of the kernel's own.

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
        self.nodes = Nodes(torch.from_numpy(packed.nodes), bias, weights.tie)
        self._tree = Layer(packed, threads)
        self._master = (
            Layer(pack(as_tree(weights.master), storage), threads) if weights.master else None
        )
        self._brief_rows = _BRIEF_FLOPS // weights.flops_per_row
        self._helpers = HelperThreads(threads - 1) if threads > 1 else None
        self._single_rows: list[_Outputs] = []
        self._scratch: list[_Outputs] = []  # of the master leaf's one row, not in use
        self._count_lock = threading.Lock()

    def staging(self, rows: int) -> Tensor:
        """Memory to write rows into, `[rows, i]`."""
        return torch.empty(rows, self.input_width)

    def infer(self, x: Tensor) -> InferenceResult:
        """
        Compute `[n, i]` rows; see `fff.backends.Backend`.

        A prediction of one row shares its memory with up to 15 others.

        Raises:
            ValueError: If `x` is not `[n, i]`.
        """
        shape = x.shape
        if len(shape) != 2 or shape[1] != self.input_width:
            raise ValueError(f"x must be [n, {self.input_width}], got {list(shape)}")
        n = shape[0]  # len(x) takes 0.8 µs
        if x.dtype is not torch.float32 or not x.is_contiguous() or not x.is_cpu:
            x = x.detach().to("cpu", torch.float32).contiguous()
        out = self._one_row() if n == 1 else self._rows(n)
        if n:
            brief = n <= self._brief_rows
            helpers = None if brief else self._helpers
            rechecked = self._tree.run(n, x.data_ptr(), out, helpers, brief)
            if rechecked:
                with self._count_lock:
                    self.rechecked_rows += rechecked
            if self._master is not None:
                master = self._take_scratch(n)
                self._master.run(n, x.data_ptr(), master, helpers, brief)
                mix(out[3], master[3], n * self.output_width, self._mix)
                if n == 1:
                    self._scratch.append(master)
        return InferenceResult(*out[:3])

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

    def _rows(self, n: int) -> _Outputs:
        logits, margin = torch.empty(n, self.output_width), torch.empty(n, 1)
        leaf = torch.empty(n, 1, dtype=torch.int32)
        return logits, leaf, margin, logits.data_ptr(), leaf.data_ptr(), margin.data_ptr()

    def _take_scratch(self, n: int) -> _Outputs:
        try:
            return self._scratch.pop() if n == 1 else self._rows(n)
        except IndexError:
            return self._rows(n)

    def _one_row(self) -> _Outputs:
        try:
            return self._single_rows.pop()
        except IndexError:
            self._single_rows += self._allocate_single_rows()
            return self._single_rows.pop()

    @torch.inference_mode()
    def _allocate_single_rows(self) -> Iterable[_Outputs]:
        blocks = (
            torch.empty(_PREALLOCATED_ROWS, 1, self.output_width),
            torch.empty(_PREALLOCATED_ROWS, 1, 1, dtype=torch.int32),
            torch.empty(_PREALLOCATED_ROWS, 1, 1),
        )
        addresses = (
            range(
                block.data_ptr(),
                block.data_ptr() + block.nbytes,
                block.nbytes // _PREALLOCATED_ROWS,
            )
            for block in blocks
        )
        return zip(*(block.unbind() for block in blocks), *addresses, strict=True)
