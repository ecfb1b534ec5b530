"""
A stand-in of CUDA that computes on the CPU at once, and holds calls to the signatures of torch.

What a graph captures is computed once, while it is captured; a replay takes as long as that took,
by the clock of the events. Only what `BatchGraphs` enqueues is computed again by each replay.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any
from unittest.mock import create_autospec, patch

import torch
from torch.overrides import TorchFunctionMode

from fff.kernels.gpu.graphs import BatchGraphs

CPU = torch.device("cpu")
FREE_BYTES = 4 << 30
_STREAM, _EVENT, _GRAPH = torch.cuda.Stream, torch.cuda.Event, torch.cuda.CUDAGraph


class OnTheCpu(TorchFunctionMode):
    """Makes on the CPU what is asked for on CUDA; knows no pinned memory."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if str(kwargs.get("device", "")).startswith("cuda"):
            kwargs["device"] = CPU
        kwargs.pop("pin_memory", None)
        args = [CPU if isinstance(a, torch.device) and a.type == "cuda" else a for a in args]
        return func(*args, **kwargs)


class Runtime:
    """
    What was asked of CUDA.

    Attributes:
        captures: Graphs that were captured to the end.
        replays: Of all graphs.
        capturing: Whether one is being captured.
        kept: What the graph that is being captured will compute again.
        clock_s: That events read; replays alone set it forward.
        failure: Raised by each replay and wait, once it is set, as a broken context does.
    """

    def __init__(self) -> None:
        self.captures = self.replays = 0
        self.capturing, self.clock_s = False, 0.0
        self.kept: list[Callable[[], None]] = []
        self.failure: Exception | None = None

    def check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def graph(self) -> Any:
        graph = create_autospec(_GRAPH, instance=True)
        marks: list[float] = []
        kept: list[Callable[[], None]] = []

        def begin(**options: object) -> None:
            self.check()
            assert not self.capturing, "one capture at a time"
            self.capturing, self.kept = True, kept
            marks.append(time.perf_counter())

        def end() -> None:
            self.capturing = False
            self.captures += 1
            marks.append(time.perf_counter())

        def replay() -> None:
            self.check()
            self.replays += 1
            self.clock_s += marks[1] - marks[0]
            for call in kept:
                call()

        graph.capture_begin.side_effect = begin
        graph.capture_end.side_effect = end
        graph.replay.side_effect = replay
        return graph

    def stream(self, *device: object) -> Any:
        stream = create_autospec(_STREAM, instance=True)
        stream.synchronize.side_effect = self.check
        return stream

    def event(self, enable_timing: bool = False) -> Any:
        event = create_autospec(_EVENT, instance=True)

        def record() -> None:
            event.at_s = self.clock_s

        event.record.side_effect = record
        event.elapsed_time.side_effect = lambda other: 1e3 * (other.at_s - event.at_s)
        return event


def _context(of: object) -> AbstractContextManager[None]:
    return nullcontext()


@contextmanager
def cuda_on_the_cpu() -> Iterator[Runtime]:
    """Let CUDA's runtime be the stand-in."""
    runtime = Runtime()
    stand_ins: dict[str, Any] = {
        "CUDAGraph": runtime.graph,
        "Stream": runtime.stream,
        "Event": runtime.event,
        "current_stream": runtime.stream,
        "current_device": lambda: 0,
        "stream": _context,
        "device": _context,
        "synchronize": runtime.check,
        "empty_cache": lambda: None,
        "mem_get_info": lambda: (FREE_BYTES, FREE_BYTES),
        "graph_pool_handle": lambda: (0, 1),
        "set_sync_debug_mode": lambda mode: None,
        "get_device_properties": lambda device: SimpleNamespace(L2_cache_size=50 << 20),
    }
    enqueue = BatchGraphs._enqueue

    def enqueued(of: BatchGraphs, bucket: int) -> None:
        if runtime.capturing:
            runtime.kept.append(lambda: enqueue(of, bucket))
        enqueue(of, bucket)

    with (
        patch.multiple(torch.cuda, **stand_ins),
        patch.object(BatchGraphs, "_enqueue", enqueued),
        OnTheCpu(),
    ):
        yield runtime
