"""
`python -m bench.overhead.shadow`: does the shadow of a ten times wider twin delay others?

Two services on one store, an FFF and a dense twin ten times as wide as the FFF was in training:
one with the setting `shadow_ratio` at 0, one at 1. wrk asks them in turn, round after round; who
is not asked sleeps, but for what the shadow still computes, which is waited for. The last line of
standard output is one JSON object.

Covered:      one-row binary requests; requests per second, p50 and p99 of each leg, and what the
              shadow did meanwhile.
Not covered:  other rows or forms (`bench.http`), twins on a GPU.
"""

import argparse
import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

from bench.http.bodies import random_bodies, write_requests
from bench.http.command import Facts, Workplace, run_bench
from bench.http.model import SEED, publish
from bench.http.report import print_circumstances, short, table
from bench.networks import Shape, random_dense, random_tree
from bench.overhead.shadow_legs import ShadowLeg, measure_leg
from loadtest.harness.command import end_with
from loadtest.harness.console import wide_console
from loadtest.harness.options import add_connections, add_legs, command_parser
from loadtest.harness.service_process import ServiceProcess

NAME = "bench.overhead.shadow"
SHAPE = Shape(i=784, o=10, l=8, d=7)  # trained as wide as 1,024 neurons
SLOWER = 10  # times as wide as that is the twin
RATIOS = (0.0, 1.0)
MAX_BATCH_ROWS = "64"
"""A batch holds a row a connection; it bounds what the shadow still computes after a leg."""
COLUMNS = ("round", "shadow", "requests/s", "p50 ms", "p99 ms", "errors", "shadowed", "dropped")

ShadowPair = tuple[ShadowLeg, ShadowLeg]  # with the shadow off, and on


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parse(arguments)
    report = partial(_report, options.connections)
    return run_bench(NAME, options, partial(_measure_all, options), report)


def _report(connections: int, rounds: list[ShadowPair], facts: Facts) -> int:
    facts |= {"connections": connections, **summary(rounds)}
    _print(rounds, facts)
    print(json.dumps(facts | {"legs": [asdict(leg) for pair in rounds for leg in pair]}))
    return 1 if facts["errors"] else 0


def publish_and_write(store: Path) -> Path:
    """Publish the FFF and its wide twin, weights drawn anew; returns a file of requests."""
    generator = torch.Generator().manual_seed(SEED)
    twin = random_dense(SHAPE, SLOWER * SHAPE.training_width, generator)
    tree = random_tree(SHAPE, generator)
    publish(store, tree, twin)
    bodies = random_bodies("binary", 1, tree, generator)
    return write_requests(bodies, store.with_name("bodies")).path


def _settings(ratio: float) -> dict[str, str]:
    return {"FFF_SHADOW_RATIO": str(ratio), "FFF_MAX_BATCH_ROWS": MAX_BATCH_ROWS}


def _measure_all(options: argparse.Namespace, place: Workplace) -> list[ShadowPair]:
    """Load a service without and one with a shadow, in turns that change each round."""
    store = place.folder / "store"
    bodies = publish_and_write(store)
    processes = (ServiceProcess(_settings(ratio), store) for ratio in RATIOS)
    services = dict(zip(RATIOS, map(place.running.enter_context, processes), strict=True))
    load = bodies, options.connections
    for service in services.values():  # the first second of a process is not like the rest
        measure_leg(place.wrk, service, *load, 1)
    rounds: list[ShadowPair] = []
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds} …", file=sys.stderr)
        legs = {
            ratio: measure_leg(place.wrk, services[ratio], *load, options.duration_s)
            for ratio in (RATIOS if number % 2 == 0 else RATIOS[::-1])
        }
        rounds.append((legs[RATIOS[0]], legs[RATIOS[1]]))
    return rounds


def summary(rounds: list[ShadowPair]) -> dict[str, Any]:
    """Set the legs with the shadow beside those without, round by round."""
    figures = ("requests_per_s", "p50_ms", "p99_ms")
    return {
        **{
            f"{name}_ratio": median(getattr(on, name) / getattr(off, name) for off, on in rounds)
            for name in figures
        },
        # What p99 does on its own, from leg to leg: a ratio within it shows nothing.
        "p99_off_spread": max(off.p99_ms for off, _ in rounds)
        / min(off.p99_ms for off, _ in rounds),
        "errors": sum(leg.errors for pair in rounds for leg in pair),
        "shadow_rows": sum(on.shadow_rows for _, on in rounds),
        "shadow_dropped_rows": sum(on.shadow_dropped_rows for _, on in rounds),
        "speedup": rounds[-1][1].speedup,
        "agreement": rounds[-1][1].agreement,
    }


def _print(rounds: list[ShadowPair], facts: Facts) -> None:
    title = f"One-row binary requests, {facts['connections']} connections, twin {SLOWER} times wide"
    lines = table(title, *COLUMNS)
    for number, pair in enumerate(rounds):
        for ratio, leg in zip(RATIOS, pair, strict=True):
            figures = map(short, (leg.requests_per_s, leg.p50_ms, leg.p99_ms))
            counts = map(str, (leg.errors, leg.shadow_rows, leg.shadow_dropped_rows))
            lines.add_row(str(number + 1), f"{ratio:g}", *figures, *counts)
    console = wide_console()
    console.print(lines)
    console.print(
        f"with over without: requests/s {facts['requests_per_s_ratio']:.3f}, "
        f"p50 {facts['p50_ms_ratio']:.3f}, p99 {facts['p99_ms_ratio']:.3f}; p99 without differs by "
        f"{facts['p99_off_spread']:.3f} between its own legs",
        soft_wrap=True,
    )
    print_circumstances(console, facts)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = command_parser(
        NAME, "Measure live requests with the shadow off and on, its twin ten times as wide."
    )
    add_legs(parser, rounds=5, duration_s=5, most_rounds=50)
    add_connections(parser, 16)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    end_with(main)
