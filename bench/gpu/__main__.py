"""
`python -m bench.gpu`: the Triton kernels on an NVIDIA GPU, against what they could reach.

First the device is checked: leaves equal to the reference's, logits, bits that do not depend
on the batch, no host synchronisation. Then every cell of the grid is timed, ours and every
baseline in a CUDA graph on the same rows, beside the closed form of `bench.gpu.target`. The last
line of standard output is one JSON object. Needs torch and triton, nothing else.

Covered:      float32 and bfloat16; balanced rows and rows of one leaf; weights warm and cold;
              dense eager, in a graph and compiled; the gather form; mixtures of experts, one and
              two experts a row, on our own leaf kernel.
Not covered:  fp8, tree-of-neurons layers, rows of a trained model, energy.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from bench.gpu.target import Case, Limits, ceiling, dense_s, fff_s, target
from bench.networks import Cell, Shape
from bench.rows import ROUTINGS, Routing, random_rows

GRID = (  # shape, width of the master leaf
    *((Shape(784, 10, l, d), m) for l in (8, 16) for d in (4, 6) for m in (0, 32)),  # noqa: E741
    *((Shape(256, 256, 8, d), 0) for d in (2, 6)),
    *((Shape(768, 768, 16, 8), m) for m in (0, 32)),
    *((Shape(*s), 0) for s in ((768, 768, 64, 6), (768, 768, 1, 11))),
    *((Shape(1024, 1024, l, d), 0) for l, d in ((32, 7), (1, 11))),  # noqa: E741
    (Shape(2048, 2048, 16, 9), 0),
    *((Shape(4096, 4096, l, d), 0) for l, d in ((64, 5), (32, 9), (64, 11))),  # noqa: E741
)
BATCHES = (1, 4, 16, 64, 184, 256, 1024, 4096)
DTYPES = ("float32", "bfloat16")
CONDITIONS: tuple[tuple[Routing, bool], ...] = (  # routing, weights warm
    ("balanced", True),
    ("balanced", False),
    ("single-leaf", True),
)
RIVALS = ("dense", "dense_eager", "dense_compiled", "gather", "moe", "moe2")
SEED = 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parse(arguments)
    if not torch.cuda.is_available():
        print("bench.gpu: no CUDA device is present; nothing was measured", file=sys.stderr)
        return 1
    from bench.gpu.check import CheckError
    from bench.gpu.timing import measured_limits, sgemm_gflops

    try:
        limits = measured_limits()
        _print_limits(limits)
        peak = {dtype: sgemm_gflops(getattr(torch, dtype)) for dtype in DTYPES}
        cells = list(_cells(options, limits, peak))
    except CheckError as exc:
        print(f"bench.gpu: {exc}", file=sys.stderr)
        return 1
    lost = sum(cell["ratio_dense"] < 1 for cell in cells)
    print(f"Of {len(cells)} cells, ours is slower than dense in a graph in {lost}")
    print(json.dumps({"machine": _machine(limits, peak), "cells": cells}))
    return 0


def _cells(options: argparse.Namespace, limits: Limits, peak: dict[str, float]) -> Iterator[Cell]:
    grid = GRID[:1] if options.quick else GRID
    batches = BATCHES[:3] if options.quick else BATCHES
    for (shape, master), dtype in itertools.product(grid, DTYPES):
        name = f"{shape.i}→{shape.o}, l {shape.l}, d {shape.d}, m {master}, {dtype}"
        free_bytes = torch.cuda.mem_get_info()[0]
        # Twice in float32 (drawn), three times in the leaf type (ours, dense, mixtures).
        weights = shape.training_width * (shape.i + shape.o)
        if weights * (2 * 4 + 5 * getattr(torch, dtype).itemsize) > free_bytes:
            print(f"{name}: skipped, {free_bytes / 1e9:.0f} GB free do not suffice")
            continue
        print(f"{name}\n  {_HEADER}")
        yield from _shape_cells(shape, master, dtype, batches, options, limits, peak[dtype])
        torch.cuda.empty_cache()


def _shape_cells(
    shape: Shape,
    master: int,
    dtype: str,
    batches: tuple[int, ...],
    options: argparse.Namespace,
    limits: Limits,
    peak: float,
) -> Iterator[Cell]:
    from bench.gpu.check import check, check_no_wait
    from bench.gpu.sides import networks

    device = _gpu()
    nets = networks(shape, master, device, dtype, SEED)
    for batch, routing in itertools.product(batches, ROUTINGS):
        with device:  # rows are drawn where their generator is
            generator = torch.Generator(device).manual_seed(SEED + batch)
            x = random_rows(routing, batch, nets.tree, generator)  # [n, i]
        check(nets, x)
        check_no_wait(nets, x)
        warm = [warm for of, warm in CONDITIONS if of == routing]
        for cell in _measure(nets, shape, x, routing, warm, options, limits):
            cell |= {"dtype": dtype, "master": master, "sgemm_gflops": peak}
            cell["fraction_of_ceiling"] = cell["gflops"] / peak
            print(f"  {_row(cell)}", flush=True)
            yield cell


def _measure(
    nets: Any,
    shape: Shape,
    x: Tensor,
    routing: Routing,
    warm: list[bool],
    options: argparse.Namespace,
    limits: Limits,
) -> Iterator[Cell]:
    from bench.gpu.sides import sides
    from bench.gpu.timing import device_times, graphed, wall_times

    calls = sides(nets, shape, x, torch.cuda.mem_get_info()[0])
    eager = calls["dense"]
    assert eager is not None
    # Ours is a graph already.
    runs = {
        name: call if name == "ours" else graphed(call)
        for name, call in calls.items()
        if call is not None
    }
    runs["dense_eager"] = eager
    if options.compile:
        torch._dynamo.reset()  # each shape is a program of its own, not a recompilation
        runs["dense_compiled"] = graphed(torch.compile(eager, dynamic=False))
    rows = x.cpu()
    wall = wall_times(lambda: nets.ours.infer(rows))
    before = nets.ours.rechecked_rows
    touched = len(nets.ours.infer(rows).leaf.unique())
    rechecked = nets.ours.rechecked_rows - before
    for is_warm in warm:
        times = {name: device_times(run, not is_warm) for name, run in runs.items()}
        case = Case(shape, len(x), nets.dtype.itemsize, is_warm, routing == "single-leaf")
        yield _cell(case, routing, times, limits, nets.tree.flops_per_row) | {
            "ours_wall_us": wall.p50_us,
            "ours_wall_p99_us": wall.p99_us,
            "leaves_touched": touched,
            "rechecked_share": rechecked / len(x),
            "backend": nets.ours.name,
        }


def _gpu() -> torch.device:
    return torch.device("cuda", torch.cuda.current_device())


def _cell(
    case: Case, routing: Routing, times: dict[str, Any], limits: Limits, flops_per_row: int
) -> Cell:
    us = {name: time.p50_us for name, time in times.items()}
    ours, best, shape = us["ours"], target(case, limits), case.shape
    ratio = us["dense"] / ours
    return {
        "device": "cuda",
        **shape.fields,
        "batch": case.batch,
        "routing": routing,
        "weights": "warm" if case.warm else "cold",
        "ours_us": ours,
        "ours_p99_us": times["ours"].p99_us,
        **{f"{name}_us": us.get(name) for name in RIVALS},
        **{f"ratio_{name}": us[name] / ours if name in us else None for name in RIVALS},
        "flop_ratio": shape.flop_ratio,
        "gflops": flops_per_row * case.batch / ours / 1e3,
        "model_ours_us": 1e6 * fff_s(case, limits),
        "model_dense_us": 1e6 * dense_s(case, limits),
        "target": best,
        "fraction_of_target": ratio / best,
        "s_inf": ceiling(case, limits),
    }


_HEADER = (
    "batch routing     weights    ours   dense   eager compiled  gather     moe    moe2"
    "  dense/ours  target  of it"
)


def _row(cell: Cell) -> str:
    times = (cell[f"{name}_us"] for name in ("ours", *RIVALS))
    us = " ".join("      -" if time is None else f"{time:7.1f}" for time in times)
    return (
        f"{cell['batch']:5} {cell['routing']:11} {cell['weights']:5} {us}"
        f"  {cell['ratio_dense']:10.2f} {cell['target']:7.2f} {cell['fraction_of_target']:6.0%}"
    )


def _print_limits(limits: Limits) -> None:
    print(
        f"Measured: launch {1e6 * limits.launch_s:.2f} µs, L2 {limits.l2_bytes_s / 1e12:.2f} TB/s, "
        f"memory {limits.hbm_bytes_s / 1e12:.2f} TB/s. Assumed: {limits.flops_16 / 1e12:.0f} and "
        f"{limits.flops_32 / 1e12:.0f} TFLOP/s at 16 and 32 bits, hop "
        f"{1e6 * limits.hop_warm_s:.1f} µs warm, {1e6 * limits.hop_cold_s:.1f} µs cold"
    )


def _machine(limits: Limits, peak: dict[str, float]) -> dict[str, object]:
    import triton

    return {
        "gpu": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "triton": triton.__version__,
        "cuda": torch.version.cuda,
        "sgemm_gflops": peak,
        "limits": {name: getattr(limits, name) for name in limits.__slots__},
    }


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--quick", action="store_true", help="one shape, three batch sizes")
    parser.add_argument(
        "--no-compile", dest="compile", action="store_false", help="leave torch.compile out"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
