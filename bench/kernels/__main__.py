"""
`python -m bench.kernels`: our kernel on a CPU, against everything one would run instead.

Weights are random, rows change with every call, sides alternate in one run, figures are medians
of wall-clock time, and every side is checked against `fff.reference` first. Two ceilings are
measured in the same rounds, the rate of torch's matrix product and the rate of reading what the
batch reads; `fraction_of_ceiling` is the time that the nearer one allows over ours. Cells where
we lose are in the table. The last line of standard output is one JSON object.

Covered:      float32, one layer; dense at training width, eager and compiled, and at the width
              that one row meets; the gather form; the authors' own evaluation; mixtures of
              experts with one and two experts a row; weights warm and cold; three routings.
Not covered:  HTTP (`bench.http`), GPUs (`bench.gpu`), other dtypes, rows of a trained model.
"""

import argparse
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track

from bench.kernels.ceiling import ceilings
from bench.kernels.grid import Grid, grid
from bench.kernels.picture import draw
from bench.kernels.run import Bench
from bench.kernels.table import print_cells, print_summary
from bench.memory_read import last_level_cache_bytes
from bench.networks import Cell
from bench.others import Others
from bench.parity import ParityError
from fff.backends import Device, choose_device
from fff.errors import DeviceUnavailable
from loadtest.harness.command import end_with, exit_code
from loadtest.harness.console import wide_console
from loadtest.harness.machine import describe, machine, today
from loadtest.harness.options import between, command_parser

NAME = "bench.kernels"
QUICK_S = 0.5
QUIET_CORES = 0.15  # others' share; dense took 8 ms for 0.4 where one core was taken (2026-11-24)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parse(arguments)
    return exit_code(NAME, lambda: _run(options), ParityError)


def _run(options: argparse.Namespace) -> int:
    others, console = Others(), wide_console()
    cells, no_compiler = _measure(options, grid(options.quick, options.full), console)
    circumstances = {
        "machine": machine()
        | {"torch": torch.__version__, "last_level_cache_bytes": last_level_cache_bytes()},
        "date": today(),
        "threads": options.threads,
        "others_cores": others.cores(),
        "dense_not_compiled": no_compiler,
    }
    _print(console, cells, circumstances)
    if options.picture:
        options.picture.write_text(draw(cells, _caption(circumstances)), encoding="utf-8")
    print(json.dumps(circumstances | {"cells": cells}))
    return 0


def _measure(
    options: argparse.Namespace, conditions: Grid, console: Console
) -> tuple[list[Cell], str | None]:
    """Print the ceilings; return the cells, and why dense was not compiled where it was not."""
    compiles = not options.quick and options.compile
    with ThreadPoolExecutor(options.threads) as pool:
        bench = Bench(options.threads, pool, compiles)
        for line in ceilings(bench, conditions):
            console.print(line, soft_wrap=True)
        measured = bench.cells(conditions, QUICK_S if options.quick else options.budget_s)
        bar = Console(stderr=True)
        cells = list(track(measured, "timing", len(conditions), console=bar, transient=True))
    return cells, bench.no_compiler if compiles else "not asked for"


def _print(console: Console, cells: list[Cell], circumstances: dict[str, object]) -> None:
    print_cells(console, cells)
    print_summary(console, cells)
    if circumstances["dense_not_compiled"]:
        console.print(f"compiled was not measured: {circumstances['dense_not_compiled']}")
    console.print(_caption(circumstances), soft_wrap=True)
    others = circumstances["others_cores"]
    if isinstance(others, float) and others > QUIET_CORES:
        console.print(
            "[red]▼ The machine was not quiet: sides with several threads wait for the one that "
            "another process displaced, and no figure above should be quoted[/]",
            soft_wrap=True,
        )


def _caption(circumstances: dict[str, object]) -> str:
    facts, others = circumstances["machine"], circumstances["others_cores"]
    assert isinstance(facts, dict)
    busy = "" if others is None else f" · other processes took {others} cores meanwhile"
    return (
        f"float32, {circumstances['threads']} threads, torch {facts['torch']}, "
        f"last-level cache {facts['last_level_cache_bytes'] >> 20} MB\n"
        f"{describe(facts)} · {circumstances['date']}{busy}"
    )


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = command_parser(
        NAME, "Time our CPU kernel against all that one would run instead, ceilings beside."
    )
    add = parser.add_argument
    add("--device", type=_device, default="cpu", help="cpu; a GPU has its own, bench.gpu")
    add("--threads", type=between(1, 256), default=_two_threads(), help="of every side")
    add("--budget-s", type=between(1, 3600), default=180, help="seconds, if the least rounds fit")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a corner of the grid, in seconds")
    size.add_argument("--full", action="store_true", help="four more shapes")
    add("--no-compile", dest="compile", action="store_false", help="leave torch.compile out")
    add("--picture", type=Path, metavar="FILE", help="write the speed-up over dense, as SVG")
    return parser.parse_args(arguments)


def _two_threads() -> int:
    return min(2, os.cpu_count() or 1)


def _device(name: str) -> Device:
    try:
        device = choose_device(name)
    except (DeviceUnavailable, ValueError) as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None
    if device.torch_device.type != "cpu":
        raise argparse.ArgumentTypeError("must be cpu; for a GPU run python -m bench.gpu")
    return device


if __name__ == "__main__":
    end_with(main)
