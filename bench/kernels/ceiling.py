"""The ceilings before anything else: what this machine multiplies and reads, and what follows."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch

from bench.kernels.grid import Grid
from bench.kernels.run import SGEMM_SIZE, Bench
from bench.kernels.sides import sgemm
from bench.memory_read import STEP, Reader, written_buffer
from bench.networks import Shape
from bench.timing import TimedCall, warm_call_s
from fff.kernels.cpu.layout import round_up

_BUDGET_S = 0.1  # of each figure


def ceilings(bench: Bench, grid: Grid) -> Iterator[str]:
    """Measure with one thread and with all; lines to print."""
    counts = sorted({1, bench.threads})
    rates = " and ".join(f"{_sgemm_gflops(bench, count):,.0f}" for count in counts)
    threads = " and ".join(map(str, counts))
    size = f"{SGEMM_SIZE} × {SGEMM_SIZE}"
    yield f"Ceiling: sgemm {size} at {rates} GFLOP/s by {threads} threads"
    for s in grid.shapes:
        leaf_bytes = 4 * (s.l * (s.i + s.o + 1) + s.o)
        read = " and ".join(f"{_read_gb_s(bench, s, leaf_bytes, n):.0f}" for n in counts)
        yield (
            f"  in {s.i}, out {s.o}, leaf {s.l}, depth {s.d}: leaves of {leaf_bytes / 1e3:.0f} kB "
            f"are read at {read} GB/s, at random from {(leaf_bytes << s.d) / 1e6:.3g} MB; dense is "
            f"{s.flop_ratio:,.0f} times the FLOPs, a top-1 mixture {s.moe_flop_ratio:.1f}"
        )


def _sgemm_gflops(bench: Bench, threads: int) -> float:
    square = (torch.randn(SGEMM_SIZE, SGEMM_SIZE) for _ in "ab")
    timed = TimedCall(partial(sgemm, *square), prepare=partial(torch.set_num_threads, threads))
    return 2 * SGEMM_SIZE**3 / warm_call_s({"sgemm": timed}, _BUDGET_S)["sgemm"] / 1e9


def _read_gb_s(bench: Bench, shape: Shape, leaf_bytes: int, threads: int) -> float:
    step, leaves = round_up(leaf_bytes, STEP), 1 << shape.d
    offsets = np.random.default_rng(0).permutation(leaves) * step
    pieces = np.stack((offsets, np.full_like(offsets, step)), 1)  # [leaves, 2]
    laps = np.tile(pieces, (max(1, (64 << 20) // (step * leaves)), 1))
    reader = Reader(written_buffer(step * leaves), laps, threads, bench.pool)
    return reader.bytes / warm_call_s({"read": TimedCall(reader)}, _BUDGET_S)["read"] / 1e9
