"""
`python -m bench.million`: a layer 768 -> 768 of up to 2**15 leaves of 32 neurons, on the CPU.

A million neurons, 6.4 GB. Rows are random and new in every call, weights are cold, and the reader
that ours is judged by reads whole records from the same memory in the same rounds. The dense
layer of equal width is timed where it fits into memory (– if not). Every model is held against
`fff.reference` first. The last line of standard output is one JSON object.

`--served` also publishes the deepest model, starts `fff-serve serve` on it and asks it over HTTP.

Covered:      microseconds a row and bytes a second at each depth, medians of single calls;
              float32 and bfloat16 leaves.
Not covered:  trained weights, whose rows visit fewer leaves; many clients.
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.memory_read import last_level_cache_bytes
from bench.million.cells import SEED, RunOptions, cells
from bench.million.cold import COLD
from bench.million.served import TOLERANCE, Served, serve_once
from bench.million.weights import strip_tree
from bench.networks import Cell, Shape
from bench.parity import ParityError
from loadtest.harness.command import end_with, exit_code
from loadtest.harness.console import wide_console
from loadtest.harness.errors import LoadTestError
from loadtest.harness.machine import describe, load_average, machine, today
from loadtest.harness.options import between, command_parser

NAME = "bench.million"
WIDTH, LEAF, DEPTHS, ROWS = 768, 32, "5-15", (1, 32)
DENSE_S = 1.0  # of timing the dense layer
QUICK, QUICK_S = Shape(64, 64, 8, 3), 0.1
COLUMNS = (
    *("depth", "neurons", "weights\nGB", "rows", "ours\nµs/row", "KB read\na row", "ours\nGB/s"),
    *("random\nread GB/s", "ours\n/ read", "dense\nµs/row", "dense\n/ ours"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parse(arguments)
    return exit_code(NAME, lambda: _run(options), ParityError, LoadTestError)


def _run(options: argparse.Namespace) -> int:
    torch.set_num_threads(options.threads)
    shapes = [QUICK] if options.quick else [Shape(WIDTH, WIDTH, LEAF, d) for d in options.depths]
    before = load_average()
    results = list(_measure(shapes, _run_options(options)))
    served = _serve(shapes[-1], options) if options.served else None
    facts = {
        "machine": machine()
        | {"torch": torch.__version__, "cache_bytes": last_level_cache_bytes()},
        "date": today(),
        "threads": options.threads,
        "load_average": {"before": before, "after": load_average()},
    }
    _print(wide_console(), results, served, facts)
    print(json.dumps(facts | {"cells": results, "served": served and asdict(served)}))
    return 0


def _run_options(options: argparse.Namespace) -> RunOptions:
    dense_s = QUICK_S if options.quick else DENSE_S
    return RunOptions(
        storage=options.storage,
        threads=options.threads,
        rows=options.rows,
        budget_s=QUICK_S if options.quick else options.budget_s,
        dense_budget_s=dense_s if options.dense else None,
        cold=not options.quick,
    )


def _measure(shapes: list[Shape], options: RunOptions) -> Iterable[Cell]:
    for shape in track(shapes, "timing", console=Console(stderr=True), transient=True):
        yield from cells(shape, options)


def _serve(shape: Shape, options: argparse.Namespace) -> Served:
    generator = torch.Generator().manual_seed(SEED)
    weights = strip_tree(shape, generator)
    return serve_once(weights, options.storage, options.threads, options.folder, generator)


def _print(
    console: Console, results: list[Cell], served: Served | None, facts: dict[str, Any]
) -> None:
    title = "{in} → {out}, leaves of {leaf} neurons, {storage}".format(**results[0])
    table = Table(*COLUMNS, title=title)
    for column in table.columns:
        column.justify = "right"
    for cell in results:
        table.add_row(*_row(cell))
    console.print(table)
    if served:
        console.print(_served_line(served), soft_wrap=True)
    load, cache_mb = facts["load_average"], facts["machine"]["cache_bytes"] >> 20
    console.print(
        f"weights cold: {COLD} times the largest cache ({cache_mb} MB), "
        f"{facts['threads']} threads, torch {facts['machine']['torch']}\n"
        f"{describe(facts['machine'])} · {facts['date']} · "
        f"load average {load['before']} before, {load['after']} after",
        soft_wrap=True,
    )


def _row(cell: Cell) -> list[str]:
    us, ratio = cell["dense_us"], cell["ratio_dense"]
    return [
        str(cell["depth"]),
        f"{cell['neurons']:,}",
        f"{cell['weight_bytes'] / 1e9:.2f}",
        str(cell["batch"]),
        f"{cell['ours_us_per_row']:.1f}",
        f"{cell['touched_bytes'] / cell['batch'] / 1e3:.0f}",
        f"{cell['ours_gb_s']:.1f}",
        f"{cell['read_gb_s']:.1f}",
        f"{cell['fraction_of_read']:.0%}",
        f"{us / cell['batch']:,.0f}" if us else "–",
        f"{ratio:,.0f}" if ratio else "–",
    ]


def _served_line(served: Served) -> str:
    times = ", ".join(
        f"{rows} rows {ms:.2f} ms over HTTP, {served.compute_ms[rows]:.3f} of it computing"
        for rows, ms in served.request_ms.items()
    )
    return (
        f"Served, {served.storage}: weights {served.weight_bytes / 1e9:.2f} GB, resident "
        f"{served.resident_bytes / 1e9:.2f}, at most {served.peak_bytes / 1e9:.2f} "
        f"({served.peak_over_weights:.1%} of the weights), in huge pages "
        f"{served.huge_bytes / 1e9:.2f}; published in {served.publish_s:.0f} s, ready "
        f"{served.start_s:.0f} s after the start; {times}"
    )


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = command_parser(
        NAME, "Time a layer of up to a million neurons, weights cold, against reading them."
    )
    add = parser.add_argument
    add("--depths", type=_depths, default=DEPTHS, help="such as 15 or 5-15")
    add("--rows", type=_rows, default=ROWS, help="of a call, such as 1,32")
    add("--storage", choices=tuple(TOLERANCE), default="float32", help="of the leaves")
    threads_help = "of one call; the service's default is 1"
    add("--threads", type=between(1, 256), default=1, help=threads_help)
    add("--budget-s", type=between(1, 600), default=2, help="seconds of timing each cell")
    add("--no-dense", dest="dense", action="store_false", help="leave the dense layer out")
    add("--served", action="store_true", help="publish and serve the deepest model, too")
    add("--folder", type=Path, default=None, help="where --served writes; the system's if not said")
    add("--quick", action="store_true", help="one tiny model, weights warm, in seconds")
    return parser.parse_args(arguments)


def _depths(text: str) -> range:
    low, dash, high = text.partition("-")
    depth = between(1, 20)
    return range(depth(low), depth(high if dash else low) + 1)


def _rows(text: str) -> tuple[int, ...]:
    return tuple(map(between(1, 4096), text.split(",")))


if __name__ == "__main__":
    end_with(main)
