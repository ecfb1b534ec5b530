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
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import torch

from bench.http.bodies import Requests, bodies
from bench.http.report import Circumstances, print_circumstances, short, table
from bench.http.sides import MODEL, SEED
from bench.http.wrk import WrkError, find_wrk
from bench.networks import Shape, random_dense, random_tree
from bench.overhead.shadow_legs import ShadowLeg, measure_leg
from bench.parity import ParityError
from fff.weights import FFFWeights
from loadtest.harness.command import end_with, exit_code
from loadtest.harness.console import wide_console
from loadtest.harness.errors import LoadTestError
from loadtest.harness.options import between
from loadtest.harness.service_process import ServiceProcess
from model_store.store import Store

SHAPE = Shape(i=784, o=10, l=8, d=7)  # trained as wide as 1,024 neurons
TWIN, SLOWER = "bench-dense", 10
RATIOS = (0.0, 1.0)
MAX_BATCH_ROWS = (
    "64"  # a batch holds a row a connection; bounds what the shadow still computes after a leg
)
COLUMNS = ("round", "shadow", "requests/s", "p50 ms", "p99 ms", "errors", "shadowed", "dropped")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parse(arguments)
    return exit_code(
        "bench.overhead.shadow", lambda: _run(options), WrkError, LoadTestError, ParityError
    )


def publish(store: Store, generator: torch.Generator) -> FFFWeights:
    """Put the FFF and its wide twin into a store, weights drawn anew; returns the FFF's."""
    origin = {"how": "training", "recipe": {"weights": "random"}, "seed": SEED, "metrics": {}}
    twin = random_dense(SHAPE, SLOWER * SHAPE.training_width, generator)
    store.publish(TWIN, twin, origin=origin)
    tree = random_tree(SHAPE, generator)
    store.publish(MODEL, tree, baseline=TWIN, origin=origin)
    return tree


def _run(options: argparse.Namespace) -> int:
    wrk = find_wrk()
    torch.set_num_threads(1)
    circumstances = Circumstances()
    generator = torch.Generator().manual_seed(SEED)
    legs: list[tuple[ShadowLeg, ShadowLeg]] = []  # a pair a round: off, on
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        store = Store(Path(folder, "store"))
        weights = publish(store, generator)
        requests = Requests(bodies("binary", 1, weights, generator), Path(folder, "bodies"))
        requests.write()
        services = [
            running.enter_context(ServiceProcess(_settings(ratio), store.root)) for ratio in RATIOS
        ]
        for service in services:  # the first second of a process is not like the rest
            measure_leg(wrk, service, requests.path, options.connections, 1)
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds} …", file=sys.stderr)
            turn = services if number % 2 == 0 else services[::-1]
            found = {
                id(service): measure_leg(
                    wrk, service, requests.path, options.connections, options.duration_s
                )
                for service in turn
            }
            legs.append((found[id(services[0])], found[id(services[1])]))
    facts = circumstances.facts(options.rounds, options.duration_s)
    facts |= {"connections": options.connections, **summary(legs)}
    _print(legs, facts)
    print(json.dumps(facts | {"legs": [asdict(leg) for pair in legs for leg in pair]}))
    return 1 if facts["errors"] else 0


def _settings(ratio: float) -> dict[str, str]:
    return {"FFF_SHADOW_RATIO": str(ratio), "FFF_MAX_BATCH_ROWS": MAX_BATCH_ROWS}


def summary(legs: list[tuple[ShadowLeg, ShadowLeg]]) -> dict[str, Any]:
    """Set the legs with the shadow beside those without, round by round."""
    figures = ("requests_per_s", "p50_ms", "p99_ms")
    return {
        **{
            f"{name}_ratio": median(getattr(on, name) / getattr(off, name) for off, on in legs)
            for name in figures
        },
        # What p99 does on its own, from leg to leg: a ratio within it shows nothing.
        "p99_off_spread": max(off.p99_ms for off, _ in legs) / min(off.p99_ms for off, _ in legs),
        "errors": sum(leg.errors for pair in legs for leg in pair),
        "shadow_rows": sum(on.shadow_rows for _, on in legs),
        "shadow_dropped_rows": sum(on.shadow_dropped_rows for _, on in legs),
        "speedup": legs[-1][1].speedup,
        "agreement": legs[-1][1].agreement,
    }


def _print(legs: list[tuple[ShadowLeg, ShadowLeg]], facts: dict[str, Any]) -> None:
    title = f"One-row binary requests, {facts['connections']} connections, twin {SLOWER} times wide"
    shown = table(title, *COLUMNS)
    for number, pair in enumerate(legs):
        for ratio, leg in zip(RATIOS, pair, strict=True):
            figures = map(short, (leg.requests_per_s, leg.p50_ms, leg.p99_ms))
            counts = map(str, (leg.errors, leg.shadow_rows, leg.shadow_dropped_rows))
            shown.add_row(str(number + 1), f"{ratio:g}", *figures, *counts)
    console = wide_console()
    console.print(shown)
    console.print(
        f"with over without: requests/s {facts['requests_per_s_ratio']:.3f}, "
        f"p50 {facts['p50_ms_ratio']:.3f}, p99 {facts['p99_ms_ratio']:.3f}; p99 without differs by "
        f"{facts['p99_off_spread']:.3f} between its own legs",
        soft_wrap=True,
    )
    print_circumstances(console, facts)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.overhead.shadow",
        description="Measure live requests with the shadow off and on, its twin ten times as wide.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--rounds", type=between(1, 50), default=5, help="legs of each")
    add("--duration-s", type=between(1, 60), default=5, help="seconds of a leg")
    add("--connections", type=between(1, 64), default=16, help="kept open")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    end_with(main)
