"""
How fast this machine reads a model: the ceiling of small batches, measured and not quoted.

The reader visits pieces of a buffer in a given order and does no more with them than keep the
compiler from leaving them out, so a kernel that needs those bytes is hardly faster.

One stream of plain loads, as the hardware's own prefetcher does the rest: 31 GB/s at 19 MB by
one thread, where prefetching 1 to 16 kB ahead gave 29, and two or four streams 28 (Xeon with
AVX-512, 2 MB L2, pieces of 147 kB, 2026-11-24).

Not covered:  writing; more than one memory node.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from fff.kernels.cpu.compile import compiled
from fff.kernels.cpu.layout import huge_pages
from fff.kernels.cpu.simd_ir import I32, I64, LANES, Builder, Value, integer, pointer, variable
from fff.kernels.cpu.simd_memory import get_i64

STEP = 256
"""Bytes of one turn of the loop, a sum for each line; pieces are a multiple of it long."""
_LINE = 64
_FLUSH_SHARE = 1.25  # of the last-level cache; a 19 MB model then came from memory (16 GB/s)
_MOST_FLUSH_BYTES = 512 << 20
_ASSUMED_CACHE_BYTES = 64 << 20  # where the system does not say
Bytes = npt.NDArray[np.uint8]
Pieces = npt.NDArray[np.int64]


def _sweep(typingctx: Any, start: int, size: int) -> Any:
    """Load `size` bytes, in whole STEPs, and mix them into one number."""

    def codegen(context: Any, b: Builder, signature: Any, args: Sequence[Value]) -> Value:
        words = ir.VectorType(I32, LANES)
        nothing = ir.Constant(words, [0] * LANES)
        sums = [variable(b, nothing) for _ in range(STEP // _LINE)]
        start, size = args
        with cgutils.for_range(b, b.udiv(size, integer(STEP))) as loop:
            at = b.add(start, b.mul(loop.index, integer(STEP)))
            for line, total in enumerate(sums):
                loaded = b.load(pointer(b, at, _LINE * line, words), align=_LINE)
                b.store(b.xor(b.load(total), loaded), total)
        mixed = nothing
        for total in sums:
            mixed = b.xor(mixed, b.load(total))
        return b.sext(b.extract_element(mixed, ir.Constant(I32, 0)), I64)

    return types.int64(types.int64, types.int64), codegen


sweep: Callable[[int, int], int] = intrinsic(_sweep)


@compiled(types.int64(types.int64, types.int64, types.int64, types.int64))
def read_pieces(buffer: int, pieces: int, first: int, end: int) -> int:
    """Read pieces `first` to `end` of a table of (offset, bytes)."""
    mixed = 0
    for place in range(pieces + 16 * first, pieces + 16 * end, 16):
        mixed ^= sweep(buffer + get_i64(place), get_i64(place + 8))
    return mixed


class Reader:
    """
    Reads pieces of a buffer when called, every thread a part of them.

    Args:
        buffer: Memory that was written; see `written_buffer`.
        pieces: `[k, 2]`, offset and bytes, multiples of STEP.
        threads: The calling one included.
        pool: Has the other threads.

    Attributes:
        bytes: Read by one call.
        parts: First piece and end of each thread.
    """

    def __init__(self, buffer: Bytes, pieces: Pieces, threads: int, pool: Executor):
        self.bytes = int(pieces[:, 1].sum())
        self._buffer, self._pieces, self._pool = buffer, np.ascontiguousarray(pieces), pool
        ends = np.cumsum(pieces[:, 1])
        shares = self.bytes * np.arange(1, threads) // threads
        cuts = [0, *(int(cut) for cut in np.searchsorted(ends, shares)), len(pieces)]
        self.parts = list(pairwise(cuts))

    def __call__(self) -> None:
        at = self._buffer.ctypes.data, self._pieces.ctypes.data
        others = [self._pool.submit(read_pieces, *at, *part) for part in self.parts[1:]]
        read_pieces(*at, *self.parts[0])
        for other in others:
            other.result()


def written_buffer(size: int) -> Bytes:
    """Take huge pages and write them: pages that nobody wrote are all one page of zeros."""
    buffer = huge_pages(size)
    buffer.fill(1)
    return buffer


def flusher(threads: int, pool: Executor) -> Reader:
    """Make a reader that leaves nothing else in any cache."""
    size = min(int(_FLUSH_SHARE * last_level_cache_bytes()), _MOST_FLUSH_BYTES)
    step = 1 << 20
    offsets = np.arange(0, size // step * step, step)
    pieces = np.stack((offsets, np.full_like(offsets, step)), 1)  # [k, 2]
    return Reader(written_buffer(size), pieces, threads, pool)


def last_level_cache_bytes() -> int:
    """Ask the system for its largest cache."""
    sizes = Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
    texts = (path.read_text().strip() for path in sizes)
    return max(
        (int(text[:-1]) << 10 for text in texts if text[-1] == "K"), default=_ASSUMED_CACHE_BYTES
    )
