"""
`python -m bench.http.large`: what small requests wait for while large ones arrive.

One-row binary requests on 16 connections by wrk, without and with another client that posts
8 MB of JSON one after the other, in turn; the service beside bare applications that read and
compute in their one event loop. The last line of standard output is one JSON object.
`--compare` posts the same rows to the service's `/v1/compare` instead, which no other has.

Covered:      one client of large requests, each answer held against the reference beforehand.
Not covered:  several of them, larger ones, other forms.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from statistics import median
from typing import Any

import torch

from bench.http.bodies import (
    Body,
    RequestFiles,
    RequestType,
    full_rows,
    json_body,
    random_bodies,
)
from bench.http.cells import Leg, Load, cell
from bench.http.command import Facts, Workplace, run_bench
from bench.http.measure import measure
from bench.http.model import MODEL, SEED, SHAPE, publish, random_weights
from bench.http.parity import Refused
from bench.http.poster import Poster, Posts
from bench.http.report import print_circumstances, short, table
from bench.http.setup import write_all
from bench.http.sides import Bodies, Server, start
from bench.networks import random_dense
from fff import reference
from fff.weights import FFFWeights
from loadtest.harness.background import in_background
from loadtest.harness.command import end_with
from loadtest.harness.console import wide_console
from loadtest.harness.options import add_legs, command_parser

NAME = "bench.http.large"
SIDES = ("fff-serve", "asgi-gather", "asgi-kernel")
SMALL = Load("binary", 1, 16)
LARGE: RequestType = ("json", 512)  # rows of 784 numbers of some 20 characters: 8 MB
COLUMNS = ("server", "requests/s", "p50 ms", "p99 ms", "large/s", "large p50 ms", "errors")

LargePair = tuple[Leg, tuple[Leg, Posts]]  # without and with large requests
Results = tuple[dict[str, list[LargePair]], Body]  # by server; and the large request


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = parse(arguments)
    return run_bench(NAME, options, partial(_measure, options), report)


def _measure(options: argparse.Namespace, place: Workplace) -> Results:
    generator = torch.Generator().manual_seed(SEED)
    weights = random_weights(generator)
    bodies = small_and_large(weights, generator)
    store = place.folder / "store"
    publish(store, weights, random_dense(SHAPE, SHAPE.training_width, generator))
    names = SIDES[:1] if options.compare else options.only
    servers, faults = start(names, store, bodies, place.running)
    if faults:
        raise Refused("; ".join(f"{fault.server}: {fault.reason}" for fault in faults))
    (large,) = bodies[LARGE]
    large = comparison_body(large) if options.compare else large
    return measure_pairs(options, place.wrk, servers, write_all(bodies, place.folder), large)


def small_and_large(weights: FFFWeights, generator: torch.Generator) -> Bodies:
    """Draw the small requests and one large one."""
    x = full_rows(LARGE[1], weights, generator)
    return {
        (SMALL.form, SMALL.rows): random_bodies(SMALL.form, SMALL.rows, weights, generator),
        LARGE: (json_body(x, reference.infer(x, weights).logits),),
    }


def comparison_body(large: Body) -> Body:
    """Write a large body's rows for `/v1/compare`."""
    return Body(json.dumps({"model": MODEL} | json.loads(large.content)).encode())


def measure_pairs(
    options: argparse.Namespace,
    wrk: str,
    servers: Sequence[Server],
    requests: RequestFiles,
    large: Body,
) -> Results:
    """Load each server in turn with small requests, without and beside large ones."""
    pairs: dict[str, list[LargePair]] = {server.name: [] for server in servers}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds} …", file=sys.stderr)
        for server in servers:
            without = measure(wrk, server, SMALL, requests, options.duration_s)
            url = f"{server.process.url}/v1/compare" if options.compare else server.urls[LARGE]
            poster = Poster(url, large)
            with in_background(poster.steps()):
                beside = measure(wrk, server, SMALL, requests, options.duration_s)
            pairs[server.name].append((without, (beside, poster.posts())))
    return pairs, large


def report(results: Results, facts: Facts) -> int:
    """Print the table and the JSON object; returns the exit code."""
    pairs, large = results
    facts["large_bytes"] = len(large.content)
    cells = [each for name, rounds in pairs.items() for each in _cells(name, rounds)]
    _print(cells, facts)
    print(json.dumps(facts | {"cells": cells}))
    return 1 if any(each["errors"] for each in cells) else 0


def _cells(server: str, rounds: list[LargePair]) -> list[dict[str, Any]]:
    """
    Two cells of the interface contract, without and with large requests beside.

    In the second, processor time and rows per batch are those of the large ones too.
    """
    without = asdict(cell(server, SMALL, [leg for leg, _ in rounds]))
    beside = asdict(cell(server, SMALL, [leg for _, (leg, _) in rounds]))
    posts = [posts for _, (_, posts) in rounds]
    p50s_ms = [each.p50_ms for each in posts if each.p50_ms is not None]
    beside["errors"] += sum(each.errors for each in posts)
    large = {
        "large_per_s": median(each.per_s for each in posts),
        "large_p50_ms": median(p50s_ms) if p50s_ms else None,
    }
    return [without | {"large_per_s": 0.0, "large_p50_ms": None}, beside | large]


def _print(cells: list[dict[str, Any]], facts: Facts) -> None:
    size = f"{facts['large_bytes'] / 1e6:.1f} MB"
    rows = table(f"One-row binary requests, 16 connections, beside {size} of JSON", *COLUMNS)
    for each in cells:
        names = ("requests_per_s", "p50_ms", "p99_ms", "large_per_s", "large_p50_ms")
        figures = (short(each[name]) for name in names)
        rows.add_row(each["server"], *figures, str(each["errors"]))
    console = wide_console()
    console.print(rows)
    print_circumstances(console, facts)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command_parser(NAME, "Measure small requests without and with large ones beside them.")
    add_legs(parser, rounds=3, duration_s=3)
    add = parser.add_argument
    add("--compare", action="store_true", help="post comparisons, to the service alone")
    add("--only", nargs="+", choices=SIDES, default=SIDES, help="some of the servers")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    end_with(main)
