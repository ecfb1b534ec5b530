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
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

from bench.http.bodies import FORMS
from bench.http.cells import Cell, Legs, added_latencies, cell, faulty_cell, ratios
from bench.http.command import Facts, Workplace, run_bench
from bench.http.measure import measure_all, warm
from bench.http.peers import PEERS, absent
from bench.http.report import print_added, print_cells, print_circumstances, print_ratios
from bench.http.setup import Setup, batching, comparison
from bench.http.sides import FLOOR, OURS, SIDES
from bench.peers.settings import best_settings
from loadtest.harness.command import end_with
from loadtest.harness.console import wide_console
from loadtest.harness.errors import LoadTestError
from loadtest.harness.options import between

CONNECTIONS, QUICK_CONNECTIONS = (1, 16, 64), (1,)
ROWS = (1, 64)
INSTALL = "`make peers` installs them"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = parse(arguments)
    return run_bench("bench.http", options, partial(_measure, options), partial(report, options))


def _measure(options: argparse.Namespace, place: Workplace) -> tuple[Setup, Legs]:
    leave_out_absent(options)
    if options.batching:
        setup = batching(options.connections, place.folder, place.running)
    else:
        requests = options.forms, options.rows, options.connections
        setup = comparison(options.only, *requests, place.folder, place.running)
    return setup, measure_setup(options, place.wrk, setup)


def leave_out_absent(options: argparse.Namespace) -> None:
    """
    Take the frameworks that are not installed out of `options.only`, with a word about it.

    Raises:
        LoadTestError: If nothing is left to measure.
    """
    if missing := absent(options.only):
        options.only = [name for name in options.only if name not in missing]
        print(f"bench.http: not installed: {', '.join(missing)}; {INSTALL}", file=sys.stderr)
    if set(options.only) <= {FLOOR}:
        raise LoadTestError("nothing is left to measure")


def measure_setup(options: argparse.Namespace, wrk: str, setup: Setup) -> Legs:
    """Load the running servers, warm unless the run is quick."""
    if not options.quick:
        warm(wrk, setup.servers, setup.loads, setup.requests)
    each = options.rounds, options.duration_s
    return measure_all(wrk, setup.servers, setup.loads, setup.requests, *each)


def report(options: argparse.Namespace, results: tuple[Setup, Legs], facts: Facts) -> int:
    """Print the tables and the JSON object; returns the exit code."""
    setup, legs = results
    cells = _cells(setup, legs)
    compared, added = ratios(legs, OURS), added_latencies(legs, OURS, FLOOR)
    console = wide_console()
    print_cells(console, cells)
    print_ratios(console, compared)
    print_added(console, added)
    print_circumstances(console, facts)
    facts["cells"] = [asdict(each) for each in cells]
    facts["peers"] = {name: best_settings(name) for name in options.only if name in PEERS}
    facts["ratios"] = [asdict(each) for each in compared]
    facts["added_latency"] = [asdict(each) for each in added]
    print(json.dumps(facts))
    return _exit_code(cells)


def _cells(setup: Setup, legs: Legs) -> list[Cell]:
    reasons = {(fault.server, fault.form, fault.rows): fault.reason for fault in setup.faults}
    cells = []
    for load in setup.loads:
        for name in (server.name for server in setup.servers):
            if (name, load) in legs:
                cells.append(cell(name, load, legs[name, load]))
            elif reason := reasons.get((name, load.form, load.rows)):
                cells.append(faulty_cell(name, load, reason))
    return cells


def _exit_code(cells: Sequence[Cell]) -> int:
    faults = {f"{each.server}: {each.fault}" for each in cells if each.fault}
    for fault in sorted(faults):
        print(f"bench.http: {fault}", file=sys.stderr)
    errors = sum(each.errors for each in cells if not each.fault)
    if errors:
        print(f"bench.http: {errors} requests failed", file=sys.stderr)
    return 1 if errors or faults else 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line, with every default filled in."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.http",
        description="Compare the service with what one would write instead, over HTTP, by wrk.",
    )
    _add_options(parser)
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


def _add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--batching", action="store_true", help="only one-row JSON to digits, and one row a batch")
    add("--quick", action="store_true", help="one round at one connection, in seconds")
    add("--rounds", type=between(1, 20), help="legs of a server under a load; 3")
    legs_help = "seconds of a leg, thrice under the heaviest loads; 1"
    add("--duration-s", type=between(1, 60), default=1, help=legs_help)
    add("--only", nargs="+", choices=SIDES, help="some of the servers")
    add("--forms", nargs="+", choices=FORMS, help="of requests")
    add("--rows", nargs="+", type=between(1, 1024), help="in a request; 1 64")
    add("--connections", nargs="+", type=between(1, 512), help="kept open; 1 16 64")


if __name__ == "__main__":
    end_with(main)
