"""
`python -m bench.http`: what the request path costs, and what batching and the protocol bring.

The service as users run it, beside what they would write themselves, beside bare applications
that compute the same without batching, beside serving frameworks where they are installed
(`python -m bench.http.peers install`), beside a server that computes nothing; all on one model
of random weights, all answers held against the reference before anything is timed. wrk asks
them in turn, load by load, round after round, so that a drift of the machine's speed meets all.
Figures are medians over the rounds, ratios the medians of each round's ratio. The last line of
standard output is one JSON object.

Servers and generator share the machine: rates are of this arrangement, ratios between the
servers are what carries over.

`--batching` compares the service with itself at one row a batch, on the demo model. What small
requests wait for while large ones arrive: `python -m bench.http.large`.

Covered:      1 and 64 rows a request, JSON and the binary tensor extension.
Not covered:  gRPC, compression, other machines' networks.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import torch

from bench.http.bodies import FORMS
from bench.http.cells import Cell, Legs, added_latencies, cell, faulty_cell, ratios
from bench.http.measure import measure_all, warm
from bench.http.parity import Refused
from bench.http.peers import PEERS, absent
from bench.http.report import (
    Circumstances,
    print_added,
    print_cells,
    print_circumstances,
    print_ratios,
)
from bench.http.setup import Setup, batching, comparison
from bench.http.sides import FLOOR, OURS, SIDES
from bench.http.wrk import WrkError, find_wrk
from bench.parity import ParityError
from bench.peers.settings import chosen
from loadtest.harness.command import end_with, exit_code
from loadtest.harness.console import wide_console
from loadtest.harness.errors import LoadTestError
from loadtest.harness.options import between

CONNECTIONS, QUICK_CONNECTIONS = (1, 16, 64), (1,)
ROWS = (1, 64)
INSTALL = "`make peers` installs them"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parse(arguments)
    return exit_code(
        "bench.http", lambda: _run(options), WrkError, LoadTestError, ParityError, Refused
    )


def _run(options: argparse.Namespace) -> int:
    wrk = find_wrk()
    if missing := absent(options.only):
        options.only = [name for name in options.only if name not in missing]
        print(f"bench.http: not installed: {', '.join(missing)}; {INSTALL}", file=sys.stderr)
    if set(options.only) <= {FLOOR}:
        return 1
    # Torch's threads wait for each other by spinning, which on two busy cores takes far longer
    # than the reference computes.
    torch.set_num_threads(1)
    circumstances = Circumstances()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        setup = _setup(options, Path(folder), running)
        if not options.quick:
            warm(wrk, setup.sides, setup.loads, setup.sent)
        legs = measure_all(
            wrk, setup.sides, setup.loads, setup.sent, options.rounds, options.duration_s
        )
    cells = _cells(setup, legs)
    facts = circumstances.facts(options.rounds, options.duration_s)
    compared, added = ratios(legs, OURS), added_latencies(legs, OURS, FLOOR)
    console = wide_console()
    print_cells(console, cells)
    print_ratios(console, compared)
    print_added(console, added)
    print_circumstances(console, facts)
    facts["cells"] = [asdict(found) for found in cells]
    facts["peers"] = {name: chosen(name) for name in options.only if name in PEERS}
    facts["ratios"] = [asdict(found) for found in compared]
    facts["added_latency"] = [asdict(found) for found in added]
    print(json.dumps(facts))
    return _exit_code(cells)


def _setup(options: argparse.Namespace, folder: Path, running: ExitStack) -> Setup:
    if options.batching:
        return batching(options.connections, folder, running)
    wanted = options.only, options.forms, options.rows, options.connections
    return comparison(*wanted, folder, running)


def _cells(setup: Setup, legs: Legs) -> list[Cell]:
    why = {(fault.server, fault.form, fault.rows): fault.why for fault in setup.faults}
    cells = []
    for load in setup.loads:
        for name in (side.name for side in setup.sides):
            if (name, load) in legs:
                cells.append(cell(name, load, legs[name, load]))
            elif (name, load.form, load.rows) in why:
                cells.append(faulty_cell(name, load, why[name, load.form, load.rows]))
    return cells


def _exit_code(cells: Sequence[Cell]) -> int:
    faults = {f"{found.server}: {found.fault}" for found in cells if found.fault}
    for fault in sorted(faults):
        print(f"bench.http: {fault}", file=sys.stderr)
    errors = sum(found.errors for found in cells if not found.fault)
    if errors:
        print(f"bench.http: {errors} requests failed", file=sys.stderr)
    return 1 if errors or faults else 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.http",
        description="Compare the service with what one would write instead, over HTTP, by wrk.",
    )
    add = parser.add_argument
    add("--batching", action="store_true", help="only one-row JSON to digits, and one row a batch")
    add("--quick", action="store_true", help="one round at one connection, in seconds")
    add("--rounds", type=between(1, 20), help="legs of a server under a load; 3")
    add(
        "--duration-s",
        type=between(1, 60),
        default=1,
        help="seconds of a leg, thrice under the heaviest loads; 1",
    )
    add("--only", nargs="+", choices=SIDES, help="some of the servers")
    add("--forms", nargs="+", choices=FORMS, help="of requests")
    add("--rows", nargs="+", type=between(1, 1024), help="in a request; 1 64")
    add("--connections", nargs="+", type=between(1, 512), help="kept open; 1 16 64")
    options = parser.parse_args(arguments)
    if options.batching and (options.only or options.forms or options.rows):
        parser.error("--batching has its own servers and requests; give --connections alone")
    if set(options.only or ()) == {FLOOR}:
        parser.error(f"{FLOOR} answers as many bytes as another server does; name one beside it")
    options.only = options.only or list(SIDES)
    options.forms, options.rows = options.forms or FORMS, options.rows or ROWS
    options.rounds = options.rounds or (1 if options.quick else 3)
    few_or_all = QUICK_CONNECTIONS if options.quick else CONNECTIONS
    options.connections = options.connections or few_or_all
    return options


if __name__ == "__main__":
    end_with(main)
