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
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import torch

from bench.http.bodies import Body, bodies, full_rows, json_body
from bench.http.cells import Leg, Load, cell
from bench.http.measure import Sent, measure
from bench.http.parity import Refused
from bench.http.poster import Poster, Posts
from bench.http.report import Circumstances, print_circumstances, short, table
from bench.http.setup import written
from bench.http.sides import MODEL, SEED, SHAPE, Side, What, publish, random_weights, start
from bench.http.wrk import WrkError, find_wrk
from bench.networks import random_dense
from bench.parity import ParityError
from fff import reference
from loadtest.harness.command import end_with, exit_code
from loadtest.harness.console import wide_console
from loadtest.harness.errors import LoadTestError
from loadtest.harness.options import between

SIDES = ("fff-serve", "asgi-gather", "asgi-kernel")
SMALL = Load("binary", 1, 16)
LARGE: What = ("json", 512)  # rows of 784 numbers of some 20 characters: 8 MB
COLUMNS = ("server", "requests/s", "p50 ms", "p99 ms", "large/s", "large p50 ms", "errors")

Pair = tuple[Leg, tuple[Leg, Posts]]  # without and with large requests


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parse(arguments)
    return exit_code(
        "bench.http.large", lambda: _run(options), WrkError, LoadTestError, ParityError, Refused
    )


def _run(options: argparse.Namespace) -> int:
    wrk = find_wrk()
    torch.set_num_threads(1)  # see bench.http
    circumstances = Circumstances()
    generator = torch.Generator().manual_seed(SEED)
    weights = random_weights(generator)
    x = full_rows(LARGE[1], weights, generator)
    large = json_body(x, reference.infer(x, weights).logits)
    sent: dict[What, tuple[Body, ...]] = {
        (SMALL.form, SMALL.rows): bodies(SMALL.form, SMALL.rows, weights, generator),
        LARGE: (large,),
    }
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        publish(
            Path(folder, "store"), weights, random_dense(SHAPE, SHAPE.training_width, generator)
        )
        names = SIDES[:1] if options.compare else options.only
        sides, faults = start(names, Path(folder, "store"), sent, running)
        if faults:
            raise Refused("; ".join(f"{fault.server}: {fault.why}" for fault in faults))
        if options.compare:
            large = _comparison(large)
        pairs = _measure_all(wrk, sides, written(sent, Path(folder)), large, options)
    facts = circumstances.facts(options.rounds, options.duration_s)
    facts["large_bytes"] = len(large.content)
    cells = [each for name, found in pairs.items() for each in _cells(name, found)]
    _print(cells, facts)
    print(json.dumps(facts | {"cells": cells}))
    return 1 if any(found["errors"] for found in cells) else 0


def _measure_all(
    wrk: str, sides: Sequence[Side], sent: Sent, large: Body, options: argparse.Namespace
) -> dict[str, list[Pair]]:
    pairs: dict[str, list[Pair]] = {side.name: [] for side in sides}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds} …", file=sys.stderr)
        for side in sides:
            without = measure(wrk, side, SMALL, sent, options.duration_s)
            url = f"{side.process.url}/v1/compare" if options.compare else side.urls[LARGE]
            with Poster(url, large) as poster:
                beside = measure(wrk, side, SMALL, sent, options.duration_s)
            pairs[side.name].append((without, (beside, poster.posts())))
    return pairs


def _comparison(large: Body) -> Body:
    return Body(json.dumps({"model": MODEL} | json.loads(large.content)).encode())


def _cells(server: str, found: list[Pair]) -> list[dict[str, Any]]:
    """
    Two cells of the interface contract, without and with large requests beside.

    In the second, processor time and rows per batch are those of the large ones too.
    """
    without = asdict(cell(server, SMALL, [leg for leg, _ in found]))
    beside = asdict(cell(server, SMALL, [leg for _, (leg, _) in found]))
    posts = [posts for _, (_, posts) in found]
    p50s_ms = [each.p50_ms for each in posts if each.p50_ms is not None]
    beside["errors"] += sum(each.errors for each in posts)
    return [
        without | {"large_per_s": 0.0, "large_p50_ms": None},
        beside
        | {
            "large_per_s": median(each.per_s for each in posts),
            "large_p50_ms": median(p50s_ms) if p50s_ms else None,
        },
    ]


def _print(cells: list[dict[str, Any]], facts: dict[str, Any]) -> None:
    size = f"{facts['large_bytes'] / 1e6:.1f} MB"
    shown = table(f"One-row binary requests, 16 connections, beside {size} of JSON", *COLUMNS)
    for found in cells:
        names = ("requests_per_s", "p50_ms", "p99_ms", "large_per_s", "large_p50_ms")
        figures = (short(found[name]) for name in names)
        shown.add_row(found["server"], *figures, str(found["errors"]))
    console = wide_console()
    console.print(shown)
    print_circumstances(console, facts)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.http.large",
        description="Measure small requests without and with large ones beside them.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--rounds", type=between(1, 20), default=3, help="legs of a server, each way")
    add("--duration-s", type=between(1, 60), default=3, help="seconds of a leg")
    add("--compare", action="store_true", help="post comparisons, to the service alone")
    add("--only", nargs="+", choices=SIDES, default=SIDES, help="some of the servers")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    end_with(main)
