# mypy: allow-untyped-calls
"""
Hard descent on an NVIDIA GPU: Triton kernels, replayed as one CUDA graph a batch size.

A batch is one copy to the device, one graph replay and one copy back. Batch sizes are rounded
up to a bucket; the true number of rows lies on the device beside them, and rows past it are
neither computed nor counted. Every bucket works on the same buffers and the same leaf kernel.

Covered:      the leaf of `fff.reference.route`, always (`route`); logits whose bits do not depend
              on the batch (`leaves`); every activation, the master leaf, depth 0; float32,
              bfloat16 and float16 leaves, always with float32 routing.
Not covered:  bitwise equal margins across batch sizes: scores of small batches are summed
              several levels at once. Inputs beyond float16's range with float16 leaves.

Importing this file needs Triton. Without a GPU it runs, slowly, in Triton's interpreter, if the
environment had `TRITON_INTERPRET=1` before Triton was imported: for tests.
"""

import threading
from typing import Literal

import torch
import triton
from torch import Tensor
from triton.runtime.interpreter import InterpretedFunction

from fff.inference_result import InferenceResult
from fff.kernels.gpu.layer import PackedLayer, launch
from fff.kernels.gpu.route import route
from fff.weights import FFFWeights

BUCKETS = tuple(2**power for power in range(13))
"""Batch sizes with a graph of their own, 1 to 4,096; more rows are several batches."""

_HEAD = 4  # words before the rows: their number, and padding that keeps rows 16-byte aligned


class TritonUnusable(RuntimeError):
    """Triton cannot run on the device that was requested."""


class TritonGrouped:
    """
    The FFF layer in Triton, for one device. Calls from several threads take turns.

    Args:
        weights: The layer's, on any device; copied.
        device: A CUDA device; or the CPU, in Triton's interpreter.
        leaf_dtype: How leaves are stored and multiplied: `float32`, `bfloat16` or `float16`.

    Raises:
        TritonUnusable: If the device is neither.
        ValueError: If `leaf_dtype` is none of the three.
    """

    name = "triton"
    # Strict by design, and so in the interpreter; no GPU has confirmed it (decision 8).
    output_class: Literal["fast"] = "fast"

    def __init__(self, weights: FFFWeights, device: torch.device, leaf_dtype: str = "float32"):
        if device.type != "cuda" and not isinstance(route, InterpretedFunction):
            raise TritonUnusable(
                f"Triton {triton.__version__} needs a CUDA device or TRITON_INTERPRET=1 in the "
                f"environment; got device {device}"
            )
        self.device, self.dtype = device, leaf_dtype
        self._on_gpu = device.type == "cuda"
        self._layer = PackedLayer.pack(weights, device, leaf_dtype, BUCKETS[-1])
        self._lock = threading.Lock()
        rows_in, rows_out = self._layer.input_width, self._layer.output_width + 2
        self._in_host = torch.zeros(_HEAD + BUCKETS[-1] * rows_in, pin_memory=self._on_gpu)
        self._out_host = torch.zeros(BUCKETS[-1] * rows_out, pin_memory=self._on_gpu)
        self._in = torch.zeros_like(self._in_host, device=device)
        self._out = torch.zeros_like(self._out_host, device=device)
        self._counts_host = torch.zeros_like(self._layer.counts, device="cpu")
        # On the CPU there is one stream and every call is finished when it returns.
        self._stream: torch.cuda.Stream | None = None
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}
        if self._on_gpu:
            self._prepare_gpu()

    @torch.inference_mode()
    def infer(self, x: Tensor) -> InferenceResult:
        """Compute `[n, i]` float32 rows; the prediction is on the CPU."""
        with self._lock:
            parts = [self._infer_batch(part) for part in x.split(BUCKETS[-1])]
        if len(parts) == 1:
            return parts[0]
        return InferenceResult(
            torch.cat([part.logits for part in parts]),
            torch.cat([part.leaf for part in parts]),
            torch.cat([part.margin for part in parts]),
        )

    def _infer_batch(self, x: Tensor) -> InferenceResult:
        n, bucket = len(x), bucket_of(len(x))
        with torch.cuda.stream(self._stream):
            self.load(x)
            self.enqueue(bucket)
            used = bucket * (self._layer.output_width + 2)
            self._out_host[:used].copy_(self._out[:used], non_blocking=True)
        if self._stream is not None:
            self._stream.synchronize()  # the only wait: for the outputs themselves
        logits, leaf, margin = self._split_outputs(self._out_host, bucket)
        return InferenceResult(
            logits[:n].clone(),
            leaf[:n, None].clone(),
            margin[:n, None].clone(),
        )

    def load(self, x: Tensor) -> None:
        """Put up to 4,096 rows and their number on the device, on the current stream."""
        used = _HEAD + x.numel()
        self._in_host[:1].view(torch.int32).fill_(len(x))
        self._in_host[_HEAD:used].view(x.shape).copy_(x)
        self._in[:used].copy_(self._in_host[:used], non_blocking=True)

    def enqueue(self, bucket: int) -> None:
        """Compute the rows on the device, on the current stream, without waiting."""
        if self._graphs:
            self._graphs[bucket].replay()
        else:
            self._launch(bucket)

    def outputs(self, bucket: int) -> tuple[Tensor, Tensor, Tensor]:
        """Logits `[bucket, o]`, leaf and margin `[bucket]`: views of the device's output buffer."""
        return self._split_outputs(self._out, bucket)

    @property
    def rechecked_rows(self) -> int:
        """Scores so far, of which a row may have several, that were too near 0 for float32."""
        return self.leaf_counts()[1]

    def leaf_counts(self) -> tuple[Tensor, int]:
        """
        Read the counters, a call late rather than waiting for the device.

        Returns:
            rows: By leaf, since the start, `[2**d]`, int64: what the previous call fetched.
            rescored: Scores that were too near 0 for float32.
        """
        if not self._on_gpu:
            self._counts_host.copy_(self._layer.counts)
        counts = self._counts_host.clone()
        if self._on_gpu and self._counts_copied.query():
            with torch.cuda.stream(self._counts_stream):
                self._counts_host.copy_(self._layer.counts, non_blocking=True)
                self._counts_copied.record()
        return counts[:-1], int(counts[-1])

    def _split_outputs(self, flat: Tensor, bucket: int) -> tuple[Tensor, Tensor, Tensor]:
        o = self._layer.output_width
        logits, leaf, margin = flat[: bucket * (o + 2)].split((bucket * o, bucket, bucket))
        return logits.view(bucket, o), leaf.view(torch.int32), margin

    def _launch(self, bucket: int) -> None:
        n_rows = self._in[:1].view(torch.int32)
        x = self._in[_HEAD:].view(-1, self._layer.input_width)
        launch(self._layer, x, n_rows, *self.outputs(bucket), bucket)

    def _prepare_gpu(self) -> None:
        """Compile every kernel, then capture every bucket, largest first."""
        self._stream = torch.cuda.Stream(self.device)
        self._counts_stream = torch.cuda.Stream(self.device)
        self._counts_copied = torch.cuda.Event()
        self._counts_host = self._counts_host.pin_memory()
        torch.cuda.synchronize(self.device)  # weights and buffers came by another stream
        with torch.cuda.device(self.device), torch.cuda.stream(self._stream):
            for bucket in reversed(BUCKETS):
                self._launch(bucket)  # the number of rows is still 0: nothing is counted
        torch.cuda.synchronize(self.device)
        with torch.cuda.device(self.device):
            pool = torch.cuda.graph_pool_handle()
            for bucket in reversed(BUCKETS):
                # Thread-local: other models may use the device from other threads meanwhile.
                graph, mode = torch.cuda.CUDAGraph(), "thread_local"
                with torch.cuda.graph(graph, pool, self._stream, capture_error_mode=mode):
                    self._launch(bucket)
                self._graphs[bucket] = graph


def bucket_of(n: int) -> int:
    """Round a number of rows up to a bucket; 0 rows take the smallest."""
    return max(1, int(triton.next_power_of_2(n)))
