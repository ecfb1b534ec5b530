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
from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import torch

from bench.http.bodies import random_bodies, write_requests
from bench.http.command import Facts, Workplace, run_bench
from bench.http.model import MASTER_WIDTH, MODEL, SEED, SHAPE, publish, random_weights
from bench.http.report import print_circumstances, short, table
from bench.http.wrk import run_wrk
from bench.networks import random_dense
from loadtest.harness.background import in_background
from loadtest.harness.command import end_with
from loadtest.harness.console import wide_console
from loadtest.harness.options import add_connections, add_legs, command_parser
from loadtest.harness.service_api import get
from loadtest.harness.service_process import ServiceProcess

NAME = "bench.overhead.counting"
NOTHING, USUAL, ALL = "nothing counted", "as it comes", "all of it"
SHADOW = {"FFF_SHADOW_RATIO": "0.1"}
ROWS = (1, 64)
SCRAPE_S = 1.0


class UncountedProcess(ServiceProcess):
    """The service with nothing counted."""

    def __init__(self, store: Path):
        super().__init__(None, store)
        self._command = [sys.executable, "-m", "bench.overhead.uncounted", *self._command[1:]]


@dataclass(frozen=True, slots=True)
class CountingLeg:
    """One service under requests of `rows` rows once."""

    service: str
    rows: int
    requests_per_s: float
    p99_ms: float
    cpu_ms_per_request: float
    errors: int


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parse(arguments)
    report = partial(_report, options.connections)
    return run_bench(NAME, options, partial(_measure_all, options), report)


def _report(connections: int, legs: list[CountingLeg], facts: Facts) -> int:
    facts |= {"connections": connections, "ratios": ratios(legs)}
    _print(legs, facts["ratios"])
    print_circumstances(wide_console(), facts)
    errors = sum(leg.errors for leg in legs)
    print(json.dumps(facts | {"errors": errors}))
    return 1 if errors else 0


def publish_and_write(store: Path) -> dict[int, Path]:
    """Publish the request-path bench's tree and a twin; returns files of requests by their rows."""
    generator = torch.Generator().manual_seed(SEED)
    twin = random_dense(SHAPE, SHAPE.training_width + MASTER_WIDTH, generator)
    tree = random_weights(generator)
    publish(store, tree, twin)
    paths = {rows: store.with_name(f"binary-{rows}") for rows in ROWS}
    for rows, path in paths.items():
        write_requests(random_bodies("binary", rows, tree, generator), path)
    return paths


def _measure_all(options: argparse.Namespace, place: Workplace) -> list[CountingLeg]:
    store = place.folder / "store"
    requests = publish_and_write(store)
    processes = {
        NOTHING: UncountedProcess(store),
        USUAL: ServiceProcess(None, store),
        ALL: ServiceProcess(SHADOW, store),
    }
    services = {name: place.running.enter_context(each) for name, each in processes.items()}
    legs = []
    for number in range(options.rounds + 1):  # the first warms up
        for rows, path in requests.items():
            for name in list(services) if number % 2 else list(services)[::-1]:
                leg = _measure(options, place.wrk, name, services[name], rows, path)
                if number:
                    legs.append(leg)
    return legs


def _measure(
    options: argparse.Namespace, wrk: str, name: str, service: ServiceProcess, rows: int, path: Path
) -> CountingLeg:
    url = f"{service.url}/v2/models/{MODEL}/infer"
    cpu_before_s = service.cpu_s()
    with in_background(_scrapes(service), SCRAPE_S) if name == ALL else nullcontext():
        figures = run_wrk(wrk, url, path, options.connections, options.duration_s)
        cpu_ms = 1000 * (service.cpu_s() - cpu_before_s) / figures.requests
    rate = figures.requests / figures.seconds
    return CountingLeg(name, rows, rate, figures.p99_ms, cpu_ms, figures.errors)


def _scrapes(service: ServiceProcess) -> Generator[None]:
    yield  # the first after a second
    while True:
        get(f"{service.url}/metrics")
        yield


def ratios(legs: list[CountingLeg]) -> dict[str, dict[int, float]]:
    """Requests a second over those of the service that counts nothing, medians of the rounds."""
    return {name: {rows: _ratio(legs, name, rows) for rows in ROWS} for name in (USUAL, ALL)}


def _ratio(legs: list[CountingLeg], name: str, rows: int) -> float:
    pairs = zip(_legs_of(legs, name, rows), _legs_of(legs, NOTHING, rows), strict=True)
    return median(leg.requests_per_s / base.requests_per_s for leg, base in pairs)


def _legs_of(legs: list[CountingLeg], name: str, rows: int) -> list[CountingLeg]:
    return [leg for leg in legs if (leg.service, leg.rows) == (name, rows)]


def _print(legs: list[CountingLeg], compared: dict[str, dict[int, float]]) -> None:
    lines = table("Counting", "rows", "service", "requests/s", "p99 ms", "CPU ms/request", "ratio")
    for rows in ROWS:
        for name in (NOTHING, USUAL, ALL):
            figures = (
                median(getattr(leg, field) for leg in _legs_of(legs, name, rows))
                for field in ("requests_per_s", "p99_ms", "cpu_ms_per_request")
            )
            ratio = f"{compared[name][rows]:.3f}" if name in compared else "1"
            lines.add_row(str(rows), name, *map(short, figures), ratio)
    wide_console().print(lines)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = command_parser(NAME, "Measure what counting costs, in requests a second.")
    add_legs(parser, rounds=6, duration_s=3, most_rounds=50)
    add_connections(parser, 16)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    end_with(main)
