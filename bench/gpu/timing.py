# mypy: allow-untyped-calls
"""Timing on the device: each call in a CUDA graph, between two events, many times."""

import time
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bench.gpu.target import Limits
from bench.timing import Call

ITERATIONS = 200
WARM_UP = 10
_FLUSH_BYTES = 128 << 20  # over twice the L2 of an H200


@dataclass(frozen=True, slots=True)
class Times:
    """Microseconds of one call."""

    p50_us: float
    p99_us: float


def graphed(call: Call) -> Call:
    """Capture a call after a warm-up that compiles what it compiles; returns its replay."""
    stream = torch.cuda.Stream()
    torch.cuda.synchronize()
    with torch.cuda.stream(stream):
        for _ in range(3):
            call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        result = call()

    def replay() -> object:
        graph.replay()
        return result  # its memory is the graph's: it must live as long

    return replay


def device_times(call: Call, cold: bool = False) -> Times:
    """
    Time a call by events.

    Args:
        call: Enqueues the work and does not wait for it.
        cold: Overwrite the L2 cache before each call, off the clock.
    """
    flush = torch.empty(_FLUSH_BYTES, dtype=torch.int8, device="cuda") if cold else None
    pairs = [
        (torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True))
        for _ in range(ITERATIONS)
    ]
    for _ in range(WARM_UP):
        call()
    for start, end in pairs:
        if flush is not None:
            flush.zero_()
        start.record()
        call()
        end.record()
    torch.cuda.synchronize()
    us = sorted(1e3 * start.elapsed_time(end) for start, end in pairs)
    return Times(us[len(us) // 2], us[int(0.99 * len(us))])


def wall_times(call: Call) -> Times:
    """Time a call that returns when its work is done, by the clock on the wall."""
    us = []
    for number in range(WARM_UP + ITERATIONS):
        started_s = time.perf_counter()
        call()
        if number >= WARM_UP:
            us.append(1e6 * (time.perf_counter() - started_s))
    us.sort()
    return Times(us[len(us) // 2], us[int(0.99 * len(us))])


def measured_limits() -> Limits:
    """The limits with launch floor and bandwidths as measured here; the rest is assumed."""
    few, many = 1, 101
    tiny = torch.zeros(32, device="cuda")
    launch_s = _slope_s(lambda: tiny.add_(1), few, many)
    in_l2 = torch.zeros(4 << 20, device="cuda")  # 16 MiB
    l2_s = _slope_s(lambda: in_l2.sum(), few, many) - launch_s
    in_memory = torch.zeros(1 << 29, device="cuda")  # 2 GiB
    hbm_s = _slope_s(lambda: in_memory.sum(), 1, 5)
    limits = Limits(launch_s=launch_s)
    return replace(
        limits,
        l2_bytes_s=in_l2.nbytes / max(l2_s, 1e-9),
        hbm_bytes_s=in_memory.nbytes / hbm_s,
    )


def sgemm_gflops(dtype: torch.dtype, size: int = 8192) -> float:
    """What one large matrix product reaches, in 1e9 operations a second."""
    a: Tensor = torch.randn(size, size, device="cuda", dtype=dtype)
    return 2 * size**3 / device_times(graphed(lambda: a @ a)).p50_us / 1e3


def _slope_s(call: Call, few: int, many: int) -> float:
    """Seconds of one more call in a graph, which leaves the graph's own floor out."""

    def repeated(times: int) -> Call:
        return graphed(lambda: [call() for _ in range(times)])

    less, more = device_times(repeated(few)), device_times(repeated(many))
    return 1e-6 * (more.p50_us - less.p50_us) / (many - few)
