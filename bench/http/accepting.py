"""
`python -m bench.http.accepting`: how long a new client waits while the service is busy.

wrk keeps some connections busy with one-row predictions; a hundred new clients a second ask for
`/readyz` and for predictions in turn, each on a connection of its own. Once with connections
accepted by libuv, as uvicorn leaves it (`bench.overhead.accepted_by_loop`), once as the service
does, round after round. The last line of standard output is one JSON object.

Covered:      one service, JSON and probes, over TCP; `/readyz` on the port of `--ops-port` too.
Not covered:  TLS.
"""

import argparse
import json
import socket
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median

import torch

from bench.http import newcomers
from bench.http.bodies import Body, RequestFile, random_bodies, write_requests
from bench.http.command import Facts, Workplace, run_bench
from bench.http.model import MODEL, SEED, publish, random_weights
from bench.http.report import print_circumstances, short, table
from bench.http.wrk import run_wrk
from loadtest.harness.command import end_with
from loadtest.harness.console import wide_console
from loadtest.harness.options import add_legs, between, command_parser
from loadtest.harness.service_process import ServiceProcess

NAME = "bench.http.accepting"
BY_LOOP, OURS = "accepted by libuv", "accepted by us"
RATE = 100  # new clients a second
WARM_UP_S = 2  # wrk's connections come first
OPERATIONS_RATE = 10  # probes a second on the operations port
COLUMNS = ("server", "busy", "requests/s", "p50, ms", "p99, ms", "unanswered", "of", "ops p99, ms")


class ByLoopProcess(ServiceProcess):
    """The service with connections accepted by libuv."""

    def __init__(self, store: Path):
        super().__init__(None, store)
        self._command = [
            sys.executable,
            "-m",
            "bench.overhead.accepted_by_loop",
            *self._command[1:],
        ]


class OurProcess(ServiceProcess):
    """The service as it comes, with a port for probes."""

    def __init__(self, store: Path):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        super().__init__({"FFF_OPS_PORT": str(port)}, store)
        self.operations_url = f"http://127.0.0.1:{port}"


@dataclass(frozen=True, slots=True)
class AcceptingLeg:
    """
    One service under one load once.

    Attributes:
        busy: Connections of wrk.
        requests_per_s: As wrk saw it.
        waits_s: Of the new clients that were answered, rising.
        unanswered: New clients without an answer in `newcomers.LIMIT_S`.
        operations_s: As `waits_s`, on the operations port; empty where there is none.
    """

    server: str
    busy: int
    requests_per_s: float
    waits_s: Sequence[float]
    unanswered: int
    operations_s: Sequence[float] = ()


def wait_ms(waits_s: Sequence[float], share: float) -> float | None:
    """What this share of the answered clients waited at most; None where none was answered."""
    return 1000 * waits_s[min(int(share * len(waits_s)), len(waits_s) - 1)] if waits_s else None


@dataclass(frozen=True, slots=True)
class AcceptingCell:
    """The legs of one service under one load: medians, and the sum of `unanswered`."""

    server: str
    busy: int
    requests_per_s: float
    p50_ms: float | None
    p99_ms: float | None
    unanswered: int
    clients: int
    operations_p99_ms: float | None


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parse(arguments)
    return run_bench(NAME, options, partial(_measure_all, options), _report)


def cell(legs: Sequence[AcceptingLeg]) -> AcceptingCell:
    """Put the legs of one service under one load together."""
    first = legs[0]
    return AcceptingCell(
        first.server,
        first.busy,
        median(leg.requests_per_s for leg in legs),
        _median([wait_ms(leg.waits_s, 0.5) for leg in legs]),
        _median([wait_ms(leg.waits_s, 0.99) for leg in legs]),
        sum(leg.unanswered for leg in legs),
        sum(leg.unanswered + len(leg.waits_s) for leg in legs),
        _median([wait_ms(leg.operations_s, 0.99) for leg in legs]),
    )


def _median(figures: Sequence[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return median(known) if known else None


def _report(cells: list[AcceptingCell], facts: Facts) -> int:
    console = wide_console()
    lines = table(f"{RATE} new clients a second beside busy connections", *COLUMNS)
    for each in cells:
        figures = map(short, (each.requests_per_s, each.p50_ms, each.p99_ms))
        counts = str(each.unanswered), str(each.clients)
        operations = short(each.operations_p99_ms)
        lines.add_row(each.server, str(each.busy), *figures, *counts, operations)
    console.print(lines)
    print_circumstances(console, facts)
    print(json.dumps(facts | {"cells": [asdict(each) for each in cells]}))
    return 0


def _measure_all(options: argparse.Namespace, place: Workplace) -> list[AcceptingCell]:
    store = place.folder / "store"
    generator = torch.Generator().manual_seed(SEED)
    weights = random_weights(generator)
    publish(store, weights)
    bodies = random_bodies("json", 1, weights, generator)
    requests = write_requests(bodies, place.folder / "bodies")
    processes = {BY_LOOP: ByLoopProcess(store), OURS: OurProcess(store)}
    services = {name: place.running.enter_context(each) for name, each in processes.items()}
    legs: dict[tuple[str, int], list[AcceptingLeg]] = {}
    for number in range(options.rounds):
        for busy in options.busy:
            for name in list(services) if number % 2 else list(services)[::-1]:
                leg = _measure(name, services[name], busy, requests, place.wrk, options.duration_s)
                legs.setdefault((name, busy), []).append(leg)
    return [cell(legs[name, busy]) for busy in options.busy for name in services]


def _measure(
    name: str, service: ServiceProcess, busy: int, file: RequestFile, wrk: str, duration_s: int
) -> AcceptingLeg:
    url = f"{service.url}/v1/models/{MODEL}/predict"
    with ThreadPoolExecutor(2) as pool:
        # As long as the last of the new clients may wait.
        load_s = WARM_UP_S + duration_s + int(newcomers.LIMIT_S)
        load = pool.submit(run_wrk, wrk, url, file.path, busy, load_s)
        time.sleep(WARM_UP_S)
        probing = pool.submit(_probe_operations, service, duration_s)
        waits = newcomers.ask(service.url, _requests(service, url, file.bodies), RATE, duration_s)
        figures = load.result()
    answered = sorted(wait for wait in waits if wait is not None)
    rate = figures.requests / figures.seconds
    return AcceptingLeg(name, busy, rate, answered, len(waits) - len(answered), probing.result())


def _probe_operations(service: ServiceProcess, duration_s: int) -> list[float]:
    if not isinstance(service, OurProcess):
        return []
    url = service.operations_url
    probe = newcomers.get(f"{url}/readyz")
    waits = newcomers.ask(url, [probe], OPERATIONS_RATE, duration_s)
    # One that is not answered waits for as long as it may.
    return sorted(newcomers.LIMIT_S if wait is None else wait for wait in waits)


def _requests(service: ServiceProcess, url: str, bodies: Sequence[Body]) -> list[bytes]:
    body = bodies[0]
    probe = newcomers.get(f"{service.url}/readyz")
    return [probe, newcomers.post(url, body.content, body.headers)]


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = command_parser(NAME, "Measure how long new clients wait beside busy ones.")
    add_legs(parser, rounds=3, duration_s=10)
    parser.add_argument(
        "--busy",
        type=between(1, 5000),
        nargs="+",
        default=[512, 2000],
        help="connections kept busy, each in legs of its own",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    end_with(main)
