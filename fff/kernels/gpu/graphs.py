# mypy: allow-untyped-calls
"""
A computation on fixed memory, replayed as one CUDA graph a batch size.

A batch is one replay: the copy to the device, the kernels, the copy back. Batch sizes are rounded
up to a bucket; the true number of rows lies on the device beside them, so that rows past it need
neither be computed nor counted. Every bucket works on the same memory.

Covered:      pinned memory that callers may write their rows into, capture beside live traffic, a
              device that is lost.
Not covered:  what is computed (`backend`, `dense`).

Where the device is a CPU, as in Triton's interpreter, nothing is captured: each batch calls the
computation.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fff.errors import device_error

MOST_ROWS = 4096
"""Of one replay; more are several. The kernel that sorts rows by leaf takes quadratic time."""
_EVERY_POWER_UP_TO = 64
_ALIGNED = 4  # words: 16 bytes, so that a kernel is compiled once and not once a bucket


@dataclass(frozen=True, slots=True)
class DeviceBatch:
    """
    One batch's memory on the device, for up to `bucket` rows.

    Attributes:
        n_rows: Rows there are, `[1]`, int32.
        x: `[bucket, i]`, float32; what lies past the rows is left from other batches.
        logits: `[bucket, o]`, float32, to be written.
        leaf: `[bucket]`, int32, to be written by a network that routes.
        margin: `[bucket]`, float32, likewise.
        rechecked: Rows so far whose leaf was in doubt, `[1]`, int64, to be added to.
    """

    n_rows: Tensor
    x: Tensor
    logits: Tensor
    leaf: Tensor
    margin: Tensor
    rechecked: Tensor


class HostResults(NamedTuple):
    """
    Results on the host.

    Attributes:
        logits: `[n, o]`, float32.
        leaf: `[n]`, int32; undefined for a network that does not route.
        margin: `[n]`, float32; likewise.
    """

    logits: npt.NDArray[np.float32]
    leaf: npt.NDArray[np.int32]
    margin: npt.NDArray[np.float32]


Compute = Callable[[DeviceBatch, int], None]
"""Enqueues the computation of a batch of one bucket on the current stream; never waits."""


class BatchGraphs:
    """
    The graphs of one network. Calls from several threads take turns.

    Args:
        device: A CUDA device; or the CPU, where nothing is captured.
        input_width: `i`.
        output_width: `o`.
        max_rows: Most rows of one replay, up to `MOST_ROWS`.
        compute: Is called for each bucket: twice when the graphs are made, with 0 rows.

    Attributes:
        buckets: Batch sizes with a graph of their own, ascending.
        rechecked_rows: Rows so far whose leaf was in doubt.
    """

    def __init__(
        self,
        device: torch.device,
        input_width: int,
        output_width: int,
        max_rows: int,
        compute: Compute,
    ):
        self.buckets = buckets(min(max_rows, MOST_ROWS))
        self.rechecked_rows = 0
        self._widths, self._compute = (input_width, output_width), compute
        self._lock = Lock()
        on_gpu = device.type == "cuda"
        words = self._first_result + self._result_words(self.buckets[-1])
        # torch rounds pinned memory up to a power of two: one block wastes the least.
        self._host = torch.zeros(words, pin_memory=on_gpu)
        self._device = torch.zeros(words, device=device)
        self._batches = {bucket: self._batch(self._device, bucket) for bucket in self.buckets}
        self._results = {bucket: self._host_results(bucket) for bucket in self.buckets}
        host = self._batch(self._host, self.buckets[-1])
        self._n_rows, self._rechecked = host.n_rows.numpy(), host.rechecked.numpy()
        self._staging, self._rows = host.x, host.x.numpy()
        self._stream: torch.cuda.Stream | None = None
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}
        if on_gpu:
            self._capture(device)

    def staging(self, rows: int) -> Tensor:
        """
        Memory from which `infer` reads without a copy, `[rows, i]`, float32.

        There is one: it belongs to whoever calls `infer`, and not to two of them.
        """
        if rows > len(self._staging):
            return torch.empty(rows, self._widths[0])
        return self._staging[:rows]

    def infer(self, x: Tensor) -> HostResults:
        """
        Compute `[n, i]` float32 rows on the CPU.

        Raises:
            DeviceLost: For good.
        """
        with self._lock:
            parts = [self._infer_bucket(part) for part in x.split(self.buckets[-1])]
        if len(parts) == 1:
            return parts[0]
        return HostResults(*map(np.concatenate, zip(*parts, strict=True)))

    def bucket_of(self, n: int) -> int:
        """Round a number of rows up to a bucket; 0 rows take the smallest."""
        return self.buckets[bisect_left(self.buckets, n)]

    def load(self, x: Tensor) -> int:
        """Put rows where a replay finds them; returns their bucket."""
        n = len(x)
        self._n_rows[0] = n
        if x.data_ptr() != self._staging.data_ptr():
            self._rows[:n] = x.numpy()
        return self.bucket_of(n)

    def start(self, bucket: int) -> None:
        """Enqueue what was loaded, without waiting for it."""
        if not self._graphs:
            self._enqueue(bucket)
            return
        with torch.cuda.stream(self._stream):
            self._graphs[bucket].replay()

    def finish(self, n: int, bucket: int) -> HostResults:
        """Wait for what was started, and copy its results."""
        if self._stream is not None:
            self._stream.synchronize()  # the only wait: for the results themselves
        self.rechecked_rows = int(self._rechecked[0])
        logits, leaf, margin = self._results[bucket]
        return HostResults(logits[:n].copy(), leaf[:n].copy(), margin[:n].copy())

    def _infer_bucket(self, x: Tensor) -> HostResults:
        try:
            bucket = self.load(x)
            self.start(bucket)
            return self.finish(len(x), bucket)
        except torch.AcceleratorError as exc:
            raise device_error(self._device.device, exc) from exc

    def _enqueue(self, bucket: int) -> None:
        rows = slice(0, _ALIGNED + bucket * self._widths[0])
        results = slice(self._first_result, self._first_result + self._result_words(bucket))
        self._device[rows].copy_(self._host[rows], non_blocking=True)
        self._compute(self._batches[bucket], bucket)
        self._host[results].copy_(self._device[results], non_blocking=True)

    def _capture(self, device: torch.device) -> None:
        """
        Compile every kernel, then capture every bucket, largest first.

        Waits for its own stream alone: while anything is captured, a wait for the whole device
        fails, whoever asks for it.
        """
        self._stream = torch.cuda.Stream(device)
        self._stream.wait_stream(torch.cuda.current_stream(device))  # it brought the weights
        with torch.cuda.device(device), torch.cuda.stream(self._stream):
            for bucket in reversed(self.buckets):
                self._enqueue(bucket)  # the number of rows is still 0
            self._stream.synchronize()
            pool = torch.cuda.graph_pool_handle()
            for bucket in reversed(self.buckets):
                graph = torch.cuda.CUDAGraph()
                # Thread-local: other models use the device from other threads meanwhile.
                graph.capture_begin(pool=pool, capture_error_mode="thread_local")
                try:
                    self._enqueue(bucket)
                finally:
                    graph.capture_end()
                self._graphs[bucket] = graph
            for graph in self._graphs.values():
                graph.replay()  # what memory a graph takes when it first runs, it takes now
            self._stream.synchronize()

    # The memory, in words of 4 bytes: number of rows | rows | results. A bucket's results are
    # rechecked | logits | leaf | margin, of that bucket's size, so that they are one copy.

    @property
    def _first_result(self) -> int:
        return _ALIGNED + _aligned(self.buckets[-1] * self._widths[0])

    def _result_words(self, bucket: int) -> int:
        return _ALIGNED + _aligned(bucket * self._widths[1]) + 2 * _aligned(bucket)

    def _batch(self, words: Tensor, bucket: int) -> DeviceBatch:
        i, o = self._widths
        results = words[self._first_result :]
        rechecked, logits, leaf, margin = results[: self._result_words(bucket)].split(
            (_ALIGNED, _aligned(bucket * o), _aligned(bucket), _aligned(bucket))
        )
        return DeviceBatch(
            n_rows=words[:1].view(torch.int32),
            x=words[_ALIGNED : _ALIGNED + bucket * i].view(bucket, i),
            logits=logits[: bucket * o].view(bucket, o),
            leaf=leaf[:bucket].view(torch.int32),
            margin=margin[:bucket],
            rechecked=rechecked[:2].view(torch.int64),
        )

    def _host_results(self, bucket: int) -> HostResults:
        batch = self._batch(self._host, bucket)
        return HostResults(batch.logits.numpy(), batch.leaf.numpy(), batch.margin.numpy())


def buckets(max_rows: int) -> tuple[int, ...]:
    """
    Batch sizes up to the largest, which is one itself.

    Powers of two, and from 64 on also those and a half: what a batch is rounded up by is copied
    to the device and back.
    """
    sizes, size = [], 1
    while size < max_rows:
        sizes.append(size)
        if size >= _EVERY_POWER_UP_TO and size * 3 // 2 < max_rows:
            sizes.append(size * 3 // 2)
        size *= 2
    return (*sizes, max_rows)


def _aligned(words: int) -> int:
    return -(-words // _ALIGNED) * _ALIGNED
