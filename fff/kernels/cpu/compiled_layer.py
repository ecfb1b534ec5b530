"""A layer ready to compute: its table for compiled code, and memory for calls to work in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from fff.kernels.cpu import tables as t
from fff.kernels.cpu.jobs import serve, serve_briefly, serve_row
from fff.kernels.cpu.layout import round_up
from fff.kernels.cpu.threads import HelperThreads

Table = npt.NDArray[np.int64]


class Packable(Protocol):
    """A layer in a layout of the kernel's, whose memory the tables give addresses of."""

    @property
    def fields(self) -> dict[int, int]: ...


Outputs = tuple[Tensor, Tensor, Tensor, int, int, int]
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


class CompiledLayer:
    """
    A packed layer that computes; safe to call from several threads.

    Args:
        packed: The layer's weights in the kernel's layout; kept.
        tables: The model's tables: for rows to be routed, and for leaves that are given, if any.
        threads: Most threads of one call, the calling one included.
        hidden_bytes: Memory that a thread needs beside that for `i` float64.
    """

    def __init__(self, packed: Packable, tables: Sequence[Table], threads: int, hidden_bytes: int):
        self._packed, self._tables, self._threads = packed, tables, threads
        self._models = [table.ctypes.data for table in tables]  # 1.2 µs if read each time
        self._hidden_bytes = round_up(hidden_bytes, 64)
        self._scratch_bytes = round_up(self._hidden_bytes + 8 * packed.fields[t.IN], 128)
        self._free_jobs: list[_Job] = []

    def run(
        self,
        n: int,
        x_address: int,
        out: Outputs,
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

    def run_row(self, x_address: int, out_address: int) -> int:
        """Compute one row; see `jobs.serve_row` and `run`."""
        job = self._take_job(1)
        try:
            rechecked: int = serve_row(self._models[0], job.address, x_address, out_address)
            return rechecked
        finally:
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
