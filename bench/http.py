"""
`python -m bench.http`: what the request path costs, and what batching gains on it.

The same service twice, as it is and with FFF_MAX_BATCH_ROWS=1, both running; wrk asks them in
turn, round after round, so that a drift of the machine's speed meets both. Figures are medians
over the rounds, the gain is the median of each round's ratio. The last line of standard output
is one JSON object.

Server and generator share the machine: rates are of this arrangement, ratios between the
servers are what carries over.

Covered:      one-row JSON requests to `/v1/models/M/predict`.
Not covered:  larger requests, the binary tensor extension, other servers.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from bench.http_cells import Cell, Gain, Leg, cell, gain
from bench.wrk import WrkError, find_wrk, run_wrk
from loadtest.errors import LoadTestError
from loadtest.exposition import ServerCounts, read_counts
from loadtest.images import BUNDLED, read_images
from loadtest.machine import describe, load_average, machine, today
from loadtest.options import between
from loadtest.service_api import get, served_pair
from loadtest.service_process import ServiceProcess, cpu_s
from loadtest.table import wide_console

FORM = "json"
CONNECTIONS = (1, 16, 64)
BATCHED, UNBATCHED = "fff-serve", "fff-serve, one row a batch"
SETTINGS = {BATCHED: {}, UNBATCHED: {"FFF_MAX_BATCH_ROWS": "1"}}
BODIES = 256  # different rows, sent in turn

Legs = dict[tuple[str, int], list[Leg]]  # by server and connections, in order of rounds


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parse(arguments)
    try:
        return _run(options)
    except (WrkError, LoadTestError) as exc:
        print(f"bench.http: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench.http: stopped", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    wrk = find_wrk()
    before = load_average()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        bodies = Path(folder, "bodies")
        bodies.write_text("\n".join(_bodies(read_images(options.images, BODIES))))
        servers = {
            name: running.enter_context(ServiceProcess(settings))
            for name, settings in SETTINGS.items()
        }
        legs = _measure_all(wrk, servers, bodies, options)
    cells = [cell(name, FORM, n, legs[name, n]) for n in CONNECTIONS for name in SETTINGS]
    gains = [gain(n, legs[BATCHED, n], legs[UNBATCHED, n]) for n in CONNECTIONS]
    load = {"before": before, "after": load_average()}
    _print(cells, gains, load, options)
    written = {
        "machine": machine(),
        "date": today(),
        "load_average": load,
        "gains": [asdict(found) for found in gains],
        "cells": [asdict(found) for found in cells],
    }
    print(json.dumps(written))
    return _exit_code(cells)


def _bodies(images: list[bytes]) -> list[str]:
    brightest = max(map(max, images)) or 1
    rows = [[pixel / brightest for pixel in image] for image in images]
    return [json.dumps({"inputs": [row]}) for row in rows]


def _measure_all(
    wrk: str, servers: Mapping[str, ServiceProcess], bodies: Path, options: argparse.Namespace
) -> Legs:
    legs: Legs = {(name, n): [] for name in servers for n in CONNECTIONS}
    model = served_pair(servers[BATCHED].url, options.model).fff
    for service in servers.values():  # the first seconds of a process are not like the rest
        _measure(wrk, service, model, bodies, CONNECTIONS[-1], 1)
    for number in range(1, options.rounds + 1):
        print(f"round {number} of {options.rounds} …", file=sys.stderr)
        for name, n in ((name, n) for n in CONNECTIONS for name in servers):
            leg = _measure(wrk, servers[name], model, bodies, n, options.duration_s)
            legs[name, n].append(leg)
    return legs


def _measure(
    wrk: str, service: ServiceProcess, model: str, bodies: Path, connections: int, seconds: int
) -> Leg:
    url = f"{service.url}/v1/models/{model}/predict"
    before, cpu_before_s = _counts(service, model), cpu_s(service.pid)
    figures = run_wrk(wrk, url, bodies, connections, seconds)
    used_s = cpu_s(service.pid) - cpu_before_s
    return Leg(figures, used_s, _counts(service, model) - before)


def _counts(service: ServiceProcess, model: str) -> ServerCounts:
    return read_counts(get(f"{service.url}/metrics").decode(), model)


def _exit_code(cells: list[Cell]) -> int:
    errors = sum(found.errors for found in cells)
    if errors:
        print(f"bench.http: {errors} requests failed", file=sys.stderr)
    return 1 if errors else 0


def _print(
    cells: list[Cell], gains: list[Gain], load: Mapping[str, float], options: argparse.Namespace
) -> None:
    names = ("connections", "server", "requests/s", "p50 ms", "p99 ms")
    table = Table(*names, "CPU ms/request", "rows/batch", "errors", title="Request path")
    for found in cells:
        times = (found.p50_ms, found.p99_ms, found.cpu_ms_per_request, found.rows_per_batch)
        shown = [f"{found.requests_per_s:,.0f}", *(f"{value:.3g}" for value in times)]
        table.add_row(str(found.connections), found.server, *shown, str(found.errors))
    console = wide_console()
    console.print(table)
    for found_gain in gains:
        console.print(found_gain.sentence())
    console.print(
        f"one-row JSON, medians of {options.rounds} rounds of {options.duration_s} s in turn, "
        f"server and wrk on the same machine\n{describe(machine())} · {today()} · "
        f"load average {load['before']} before, {load['after']} after",
        soft_wrap=True,
    )


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.http",
        description="Measure the request path, with batching and with one row a batch.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--duration-s", type=between(1, 60), default=2, help="seconds of a leg")
    add("--rounds", type=between(3, 20), default=3, help="legs of a server at each load")
    add("--model", default="", help="the FFF; empty takes the first served with its baseline")
    add("--images", type=Path, default=BUNDLED, help="IDX file of images, .gz or plain")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    # SIGTERM like Ctrl-C, so that the service we started ends with us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
