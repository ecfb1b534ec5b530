"""
`python -m bench.kernels`: the kernels in process, against dense and the gather form.

Weights are random and warm, rows change with every call, sides alternate in one run, figures
are medians of wall-clock time, and every side is checked against `fff.reference` first. The
ceiling is measured in the same rounds: `fraction_of_ceiling` is the tree's own FLOPs a second
over those of torch's matrix product (sgemm), which is what the FLOP ratio silently assumes.
Cells where we lose are in the table. The last line of standard output is one JSON object.

Covered:      float32, one layer; dense at training width (`dense`: all leaves' neurons) and at
              inference width (`narrow`: the neurons one row meets, its leaf's and its path's).
Not covered:  HTTP (`bench.http`), mixtures of experts, cold weights, other dtypes.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.contenders import Contenders, Run, Shape, contenders, sgemm
from bench.kernel_cells import COLUMNS, Cell, cell, losses, shape_of, table_row
from bench.parity import ParityError, check, check_single_leaf
from bench.rows import ROUTINGS, Routing, batches, random_rows, rows_needed
from bench.timing import median_call_s
from fff.backends import Device, DeviceUnavailable, choose_device
from loadtest.machine import describe, load_average, machine, today
from loadtest.options import between
from loadtest.table import wide_console

SHAPES = (Shape(784, 10, 8, 4), Shape(768, 768, 24, 7), Shape(1024, 1024, 32, 9))
BATCHES = (1, 8, 32, 128, 512)
QUICK_SHAPES, QUICK_BATCHES, QUICK_S = (Shape(784, 10, 8, 4),), (1, 8), 0.5
SGEMM_SIZE = {"cpu": 768, "cuda": 4096}  # large enough for full speed, short enough to repeat
SEED = 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parse(arguments)
    try:
        _run(options, options.device.torch_device)
    except ParityError as exc:
        print(f"bench.kernels: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench.kernels: stopped", file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace, device: torch.device) -> None:
    torch.set_num_threads(options.threads)
    shapes = QUICK_SHAPES if options.quick else SHAPES
    sizes = QUICK_BATCHES if options.quick else BATCHES
    budget_s = QUICK_S if options.quick else options.budget_s
    before = load_average()
    console = wide_console()
    _print_ceiling(console, shapes, device, options.threads)
    count = len(shapes) * len(sizes) * len(ROUTINGS)
    found = list(
        track(
            _cells(shapes, sizes, device, budget_s, count),
            total=count,
            description="timing",
            console=Console(stderr=True),
            transient=True,
        )
    )
    load = {"before": before, "after": load_average()}
    _print_cells(console, found)
    console.print(_caption(options.threads, device, load), soft_wrap=True)
    print(json.dumps(_circumstances(options.threads, load) | {"cells": found}))


def _cells(
    shapes: tuple[Shape, ...],
    sizes: tuple[int, ...],
    device: torch.device,
    budget_s: float,
    left: int,
) -> Iterator[Cell]:
    deadline_s = time.monotonic() + budget_s
    generator = torch.Generator().manual_seed(SEED)
    for shape in shapes:
        sides = contenders(shape, device, generator)
        for size, routing in ((size, routing) for size in sizes for routing in ROUTINGS):
            share_s = max(0.0, deadline_s - time.monotonic()) / left
            yield _measure(shape, sides, size, routing, share_s, generator)
            left -= 1


def _measure(
    shape: Shape,
    sides: Contenders,
    size: int,
    routing: Routing,
    budget_s: float,
    generator: torch.Generator,
) -> Cell:
    rows = random_rows(routing, rows_needed(size), sides.tree, generator)
    if routing == "single-leaf":
        check_single_leaf(rows, sides.tree)
    check(sides, rows[:size])
    device = sides.backend.device
    calls: dict[str, Callable[[], None]] = {
        "sgemm": sgemm(SGEMM_SIZE[device.type], device, generator)
    }
    for name, run in sides.runs.items():
        calls[name] = partial(_next, run, batches(rows, size))
    call_s = median_call_s(calls, budget_s)
    return cell(shape, size, routing, sides, call_s, 2 * SGEMM_SIZE[device.type] ** 3)


def _next(run: Run, rows: Iterator[torch.Tensor]) -> None:
    run(next(rows))


def _print_ceiling(
    console: Console, shapes: tuple[Shape, ...], device: torch.device, threads: int
) -> None:
    size = SGEMM_SIZE[device.type]
    call = sgemm(size, device, torch.Generator().manual_seed(SEED))
    gflops = 2 * size**3 / median_call_s({"sgemm": call}, 0.3)["sgemm"] / 1e9
    console.print(f"Ceiling: sgemm {size} × {size} at {gflops:.0f} GFLOP/s on {threads} threads")
    for s in shapes:
        console.print(
            f"  in {s.i}, out {s.o}, leaf {s.l}, depth {s.d}: dense is {s.flop_ratio:.1f} times "
            f"the FLOPs, so at most {s.flop_ratio:.1f} times faster at equal FLOPs a second",
            soft_wrap=True,
        )


def _print_cells(console: Console, found: list[Cell]) -> None:
    for title, cells in groupby(found, shape_of):
        table = Table(*COLUMNS, title=title)
        for column in table.columns[2:]:
            column.justify = "right"
        for one in cells:
            table.add_row(*table_row(one))
        console.print(table)
    console.print(losses(found))


def _caption(threads: int, device: torch.device, load: dict[str, float]) -> str:
    return (
        f"{device.type}, float32, {threads} threads, torch {torch.__version__}, weights warm\n"
        f"{describe(machine())} · {today()} · "
        f"load average {load['before']} before, {load['after']} after"
    )


def _circumstances(threads: int, load: dict[str, float]) -> dict[str, object]:
    return {
        "machine": machine() | {"torch": torch.__version__},
        "date": today(),
        "threads": threads,
        "load_average": load,
    }


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.kernels",
        description="Time the kernels against dense and the gather form, ceiling first.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--device", type=_device, default="cpu", help="cpu, cuda or cuda:N")
    add("--threads", type=between(1, 256), default=1, help="of torch; the service's default is 1")
    add("--budget-s", type=between(1, 3600), default=120, help="seconds of timing, all cells")
    add("--quick", action="store_true", help="two batch sizes of the smallest shape, in seconds")
    return parser.parse_args(arguments)


def _device(name: str) -> Device:
    try:
        return choose_device(name)
    except (DeviceUnavailable, ValueError) as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


if __name__ == "__main__":
    sys.exit(main())
