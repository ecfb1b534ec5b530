# mypy: allow-untyped-calls
"""
A CUDA device, timed.

Calls are timed many at once in one CUDA graph, the k-th reading the k-th batch, so that neither
the host's launches nor a leaf that happens to lie in L2 is what is timed.

Covered:      weights warm (L2 as the calls before left it) and cold (emptied before each call),
              launches without a graph, calls that wait for their result.
Not covered:  single calls: the 99th percentile is of graphs, each the mean of its calls.
"""

import gc
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch

from bench.gpu.ahead import Job, compile_in_processes
from bench.gpu.device import Call, Times, calls_in_a_graph, replays_of

_FLUSH_BYTES = 96 << 20  # beyond the 60 MB of an H200's L2, written, and then as many read


class Gpu:
    """The current CUDA device."""

    rehearses = False

    def __init__(self) -> None:
        self.torch_device = torch.device("cuda", torch.cuda.current_device())
        self._stream = torch.cuda.Stream()
        self._flushes: dict[int, float] = {}
        self._written = torch.empty(_FLUSH_BYTES // 4, device="cuda")
        self._read = torch.ones(_FLUSH_BYTES // 4, device="cuda")
        self._flush()  # its kernels are loaded now: a capture may not load any

    def now_s(self) -> float:
        return time.monotonic()

    def takes(self, seconds: float) -> None:
        pass

    def compile_ahead(self, jobs: Sequence[Job], limit_s: float) -> dict[str, Any]:
        capability = torch.cuda.get_device_capability(self.torch_device)
        return compile_in_processes(jobs, capability, limit_s)

    def graph_times(
        self,
        calls: Sequence[Call],
        call_s: float,
        cold: bool = False,
        count: int | None = None,
        quick: bool = False,
    ) -> Times:
        first_s = self._warm_up(calls)
        count = count or calls_in_a_graph(first_s, cold)
        if not cold:
            return _times(self._replay_s(calls, count, quick), count)
        if count not in self._flushes:
            flushes = sorted(self._replay_s([self._flush], count))
            self._flushes[count] = flushes[len(flushes) // 2]
        both = self._replay_s([self._flushed(call) for call in calls], count, quick)
        return _times([s - self._flushes[count] for s in both], count)

    def eager_times(self, calls: Sequence[Call], call_s: float) -> Times:
        first_s = self._warm_up(calls)
        count = max(1, min(200, int(0.02 / first_s)))
        rounds = []
        for _ in range(5):
            began_s = time.perf_counter()
            with torch.cuda.stream(self._stream):
                for k in range(count):
                    calls[k % len(calls)]()
            self._stream.synchronize()
            rounds.append(time.perf_counter() - began_s)
        return _times(rounds, count)

    def wall_times(self, call: Call, call_s: float) -> Times:
        seconds = [_seconds(call) for _ in range(5)]
        count = replays_of(min(seconds))
        return _times([_seconds(call) for _ in range(4 * count)], 1)

    def free_bytes(self) -> int:
        torch.cuda.empty_cache()
        return int(torch.cuda.mem_get_info()[0])

    def clear(self) -> None:
        gc.collect()
        with suppress(RuntimeError):  # of a broken context, which `is_lost` reports
            torch.cuda.empty_cache()

    def is_lost(self) -> bool:
        try:
            torch.cuda.synchronize()
        except RuntimeError:
            return True
        return False

    def _warm_up(self, calls: Sequence[Call]) -> float:
        """Compile, load and choose what there is to; returns seconds of the third call."""
        self._stream.wait_stream(torch.cuda.current_stream())  # it brought what the calls read
        with torch.cuda.stream(self._stream):
            for call in calls[:2]:
                call()
            self._stream.synchronize()
            began_s = time.perf_counter()
            calls[-1]()
            self._stream.synchronize()
            return time.perf_counter() - began_s

    def _replay_s(self, calls: Sequence[Call], count: int, quick: bool = False) -> list[float]:
        """Seconds of one graph of `count` calls, replay by replay."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.stream(self._stream):
            _capture(graph, [calls[k % len(calls)] for k in range(count)])
            seconds = self._events_s(graph, 2)  # the first one uploads the graph
            seconds = self._events_s(graph, replays_of(seconds[-1], quick))
        graph.reset()
        return seconds

    def _events_s(self, graph: torch.cuda.CUDAGraph, replays: int) -> list[float]:
        marks = [torch.cuda.Event(enable_timing=True) for _ in range(replays + 1)]
        marks[0].record()
        for mark in marks[1:]:
            graph.replay()
            mark.record()
        self._stream.synchronize()
        pairs = zip(marks[:-1], marks[1:], strict=True)
        return [1e-3 * start.elapsed_time(end) for start, end in pairs]

    def _flush(self) -> None:
        # Read last: what is written stays in L2 until it is pushed out, on somebody's clock.
        self._written.fill_(1.0)
        torch.sum(self._read)

    def _flushed(self, call: Call) -> Call:
        def both() -> None:
            self._flush()
            call()

        return both


def _capture(graph: torch.cuda.CUDAGraph, calls: Sequence[Call]) -> None:
    graph.capture_begin(capture_error_mode="thread_local")
    try:
        for call in calls:
            call()
    except BaseException:
        with suppress(RuntimeError):  # the capture is void; the first error is the one to tell
            graph.capture_end()
        raise
    graph.capture_end()


def _times(seconds: Sequence[float], count: int) -> Times:
    us = sorted(1e6 * s / count for s in seconds)
    return Times(us[len(us) // 2], us[int(0.99 * len(us))], count, len(us))


def _seconds(call: Call) -> float:
    began_s = time.perf_counter()
    call()
    return time.perf_counter() - began_s
