"""
Weights that no cache holds, and what reading them costs at the least.

A model larger than the caches is cold wherever a random row goes. Smaller ones are laid out
several times over and the copies are visited in turn, so that all depths are measured under the
same condition: of what a call touches at most 1 byte in 8 is still in a cache.

Covered:      new rows in every call, the reader of `bench.memory_read` on the very same records.
Not covered:  cold inputs and cold code: a service has just parsed its rows, and code stays warm.
"""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.memory_read import STEP, Reader
from bench.networks import Shape
from bench.timing import Call
from fff.kernels.cpu.backend import NumbaGrouped
from fff.weights import FFFWeights

COLD = 8
"""Times the largest cache: what all copies have at least."""
_STRIP = 1 << 22  # random numbers whose windows are the rows
_PIECES = 100  # records of one call of the reader: 20 MB, so that starting it costs nothing


class ColdModel:
    """
    A model in as many copies as keep it out of the caches.

    Args:
        shape: Widths and depth of the tree.
        weights: The tree; not copied where the kernel does not lay them out anew.
        storage: Type of the leaves' matrices, `float32` or `bfloat16`.
        threads: Of one call, and of the reader.
        cold_bytes: That all copies together have at least.

    Attributes:
        kernels: One a copy.
        record_bytes: Of one leaf as it is laid out.
        bytes: Of one copy.
    """

    def __init__(
        self, shape: Shape, weights: FFFWeights, storage: str, threads: int, cold_bytes: int
    ):
        def copy() -> NumbaGrouped:
            return NumbaGrouped(weights, torch.device("cpu"), threads=threads, storage=storage)

        self.shape, self.kernels, self._threads = shape, [copy()], threads
        self.record_bytes = _records(self.kernels[0]).shape[1]
        self.bytes = (self.record_bytes << shape.d) + self._node_bytes * ((1 << shape.d) - 1)
        self._cold_bytes = max(cold_bytes, self.bytes)
        self.kernels += [copy() for _ in range(-(-self._cold_bytes // self.bytes) - 1)]
        first = self.kernels[0]
        for kernel in self.kernels:  # what is no weight is one service's, and warm
            kernel._tree._free_jobs = first._tree._free_jobs
            kernel._single_rows = first._single_rows
        self._pool = ThreadPoolExecutor(threads)

    @property
    def _node_bytes(self) -> int:
        return 4 * self.shape.i + 32  # weights, and the four numbers of the screen

    def touched_bytes(self, leaf: Tensor) -> int:
        """Bytes of the leaves and nodes that a batch with these leaves meets, each once."""
        leaves = np.unique(leaf.numpy())
        node, nodes = leaves + (1 << self.shape.d) - 1, 0
        for _ in range(self.shape.d):
            node = np.unique((node - 1) // 2)
            nodes += len(node)
        touched: int = len(leaves) * self.record_bytes + nodes * self._node_bytes
        return touched

    def calls(self, rows: int, generator: torch.Generator) -> tuple[Call, int]:
        """
        Make a call of `rows` new rows to the next copy; with it, the mean bytes that it touches.

        The rows come round again when `cold_bytes` have been touched.
        """
        strip = torch.randn(_STRIP, generator=generator)
        size = rows * self.shape.i
        few = [self._row(strip, rows, at) for at in range(0, 50 * size, size)]
        touched = sum(self.touched_bytes(self.kernels[0].infer(x).leaf) for x in few) // len(few)
        count = max(len(few), self._cold_bytes // touched)
        starts = torch.randint(_STRIP - size, (count,), generator=generator).tolist()
        turn = itertools.cycle([self._row(strip, rows, at) for at in starts])
        kernels = itertools.cycle(self.kernels)
        return lambda: next(kernels).infer(next(turn)), touched

    def _row(self, strip: Tensor, rows: int, at: int) -> Tensor:
        at %= len(strip) - rows * self.shape.i
        return strip[at : at + rows * self.shape.i].view(rows, self.shape.i)

    def reader(self, generator: torch.Generator) -> tuple[Call, int]:
        """Make a call that reads random records, by all threads; with it, the bytes it reads."""
        size = self.record_bytes // STEP * STEP
        count = max(2, self._cold_bytes // (_PIECES * size))
        readers = [self._reader(size, generator) for _ in range(count)]
        turn = itertools.cycle(readers)
        return lambda: next(turn)(), readers[0].bytes

    def _reader(self, size: int, generator: torch.Generator) -> Reader:
        first = _records(self.kernels[0])
        bases = np.array([_records(kernel).ctypes.data for kernel in self.kernels])
        kernel = torch.randint(len(self.kernels), (_PIECES,), generator=generator).numpy()
        leaf = torch.randint(1 << self.shape.d, (_PIECES,), generator=generator).numpy()
        offset = bases[kernel] - first.ctypes.data + leaf * self.record_bytes
        pieces = np.stack((offset, np.full(_PIECES, size)), -1)  # [pieces, 2]
        return Reader(first, pieces, self._threads, self._pool)


def _records(kernel: NumbaGrouped) -> npt.NDArray[np.uint8]:
    return kernel._tree._packed.records  # no one but this bench asks where the leaves lie
