"""
`python -m bench.overhead.counting`: what it costs to count and to be looked at, in requests/s.

Three services on one store: one that counts nothing (`bench.overhead.uncounted`), one as it comes,
and one with all of it on: a tenth of its batches through the shadow, its metrics scraped every
second. wrk asks them in turn, round after round. The last line of standard output is one JSON
object.

Covered:      binary requests of 1 and 64 rows.
Not covered:  traces and debug logs, which are for looking closely; the page at `/`, which reads the
              same as a scrape, half as often.
"""

import argparse
import json
import sys
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from bench.http.bodies import Requests, bodies
from bench.http.report import Circumstances, print_circumstances, short, table
from bench.http.sides import MASTER_WIDTH, MODEL, SEED, SHAPE, random_weights
from bench.http.wrk import WrkError, WrkFigures, find_wrk, run_wrk
from bench.networks import random_dense
from loadtest.harness.command import end_with, exit_code
from loadtest.harness.console import wide_console
from loadtest.harness.errors import LoadTestError
from loadtest.harness.options import between
from loadtest.harness.service_api import get
from loadtest.harness.service_process import ServiceProcess
from model_store.store import Store

NOTHING, USUAL, ALL = "nothing counted", "as it comes", "all of it"
SHADOW = {"FFF_SHADOW_RATIO": "0.1"}
ROWS = (1, 64)
SCRAPE_S = 1.0


class Uncounted(ServiceProcess):
    """The service with nothing counted."""

    def __init__(self, store: Path):
        super().__init__(None, store)
        self._command = [sys.executable, "-m", "bench.overhead.uncounted", *self._command[1:]]


@dataclass(frozen=True, slots=True)
class Leg:
    """One service under one load."""

    service: str
    rows: int
    requests_per_s: float
    p99_ms: float
    cpu_ms_per_request: float
    errors: int


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parse(arguments)
    return exit_code("bench.overhead.counting", lambda: _run(options), WrkError, LoadTestError)


def publish(store: Store, folder: Path) -> dict[int, Path]:
    """Put the request-path bench's tree and a twin into a store; returns bodies by their rows."""
    generator = torch.Generator().manual_seed(SEED)
    origin = {"how": "training", "recipe": {"weights": "random"}, "seed": SEED, "metrics": {}}
    width = SHAPE.training_width + MASTER_WIDTH
    store.publish(f"{MODEL}-dense", random_dense(SHAPE, width, generator), origin=origin)
    tree = random_weights(generator)
    store.publish(MODEL, tree, baseline=f"{MODEL}-dense", origin=origin)
    found = {}
    for rows in ROWS:
        found[rows] = folder / f"binary-{rows}"
        Requests(bodies("binary", rows, tree, generator), found[rows]).write()
    return found


def _run(options: argparse.Namespace) -> int:
    wrk = find_wrk()
    torch.set_num_threads(1)
    circumstances = Circumstances()
    legs: list[Leg] = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        store = Store(Path(folder, "store"))
        sent = publish(store, Path(folder))
        made = {
            NOTHING: Uncounted(store.root),
            USUAL: ServiceProcess(None, store.root),
            ALL: ServiceProcess(SHADOW, store.root),
        }
        services = {name: running.enter_context(service) for name, service in made.items()}
        for number in range(options.rounds + 1):  # the first warms up
            for rows, path in sent.items():
                turn = list(services) if number % 2 else list(services)[::-1]
                for name in turn:
                    leg = _leg(wrk, name, services[name], rows, path, options)
                    if number:
                        legs.append(leg)
    facts = circumstances.facts(options.rounds, options.duration_s)
    facts |= {"connections": options.connections, "ratios": ratios(legs)}
    _print(legs, facts["ratios"])
    print_circumstances(wide_console(), facts)
    errors = sum(leg.errors for leg in legs)
    print(json.dumps(facts | {"errors": errors}))
    return 1 if errors else 0


def _leg(
    wrk: str, name: str, service: ServiceProcess, rows: int, path: Path, options: argparse.Namespace
) -> Leg:
    over = threading.Event()
    scraper = threading.Thread(target=_scrape, args=(service, over))
    if name == ALL:
        scraper.start()
    begun_s = service.cpu_s()
    url = f"{service.url}/v2/models/{MODEL}/infer"
    figures: WrkFigures = run_wrk(wrk, url, path, options.connections, options.duration_s)
    cpu_ms = 1000 * (service.cpu_s() - begun_s) / figures.requests
    over.set()
    if name == ALL:
        scraper.join()
    rate = figures.requests / figures.seconds
    return Leg(name, rows, rate, figures.p99_ms, cpu_ms, figures.errors)


def _scrape(service: ServiceProcess, over: threading.Event) -> None:
    while not over.wait(SCRAPE_S):
        get(f"{service.url}/metrics")


def ratios(legs: list[Leg]) -> dict[str, dict[int, float]]:
    """Requests a second over those of the service that counts nothing, medians of the rounds."""
    found: dict[str, dict[int, float]] = {}
    for name in (USUAL, ALL):
        found[name] = {}
        for rows in ROWS:
            ours, base = (
                [leg.requests_per_s for leg in legs if (leg.service, leg.rows) == (side, rows)]
                for side in (name, NOTHING)
            )
            found[name][rows] = median(a / b for a, b in zip(ours, base, strict=True))
    return found


def _print(legs: list[Leg], compared: dict[str, dict[int, float]]) -> None:
    shown = table("Counting", "rows", "service", "requests/s", "p99 ms", "CPU ms/request", "ratio")
    for rows in ROWS:
        for name in (NOTHING, USUAL, ALL):
            mine = [leg for leg in legs if (leg.service, leg.rows) == (name, rows)]
            figures = (
                median(getattr(leg, field) for leg in mine)
                for field in ("requests_per_s", "p99_ms", "cpu_ms_per_request")
            )
            ratio = f"{compared[name][rows]:.3f}" if name in compared else "1"
            shown.add_row(str(rows), name, *map(short, figures), ratio)
    wide_console().print(shown)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.overhead.counting",
        description="Measure what counting costs, in requests a second.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--rounds", type=between(1, 50), default=6, help="legs of each")
    add("--duration-s", type=between(1, 60), default=3, help="seconds of a leg")
    add("--connections", type=between(1, 64), default=16, help="kept open")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    end_with(main)
