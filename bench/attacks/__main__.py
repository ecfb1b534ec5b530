"""
`python -m bench.attacks`: does anything a client sends stop the others, or fill the memory?

A fresh service with the demo pair for each attack, on loopback; the attacker is a process of its
own. Meanwhile a well-behaved client connects anew twenty times a second, for readiness and for a
prediction in turn, and the service's memory is looked at. When the attackers have left, how much
memory comes back. The last line of standard output is one JSON object.

`--code DIR` runs the service of another checkout, to compare with. The service is held to
`--open-files` file descriptors, as systems do by default.

Covered:      memory, waiting time of others, processor time, connections cut.
Not covered:  the network's own floods; they never reach the process.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit

from bench.attacks.attacks import ATTACKS
from bench.attacks.watch import Client, Memory, one_row
from bench.http.report import table
from loadtest.harness.background import in_background
from loadtest.harness.command import end_with, exit_code
from loadtest.harness.console import wide_console
from loadtest.harness.errors import LoadTestError
from loadtest.harness.options import between, command_parser
from loadtest.harness.service_process import ServiceProcess

NAME = "bench.attacks"
PREDICT, WIDTH = "/v1/models/digits/predict", 64  # of the demo pair
READY = ("GET", "/readyz", b"")
BETWEEN_S = 0.05  # requests of the well-behaved client
COLUMNS = "attack", "idle MB", "peak MB", "after MB", "p50 ms", "p99 ms", "failed", "cores", "cut"
LEAVE_LIMIT_S = 60


class Service(ServiceProcess):
    """The service of a checkout, held to a number of open files."""

    def __init__(self, code: Path, open_files: int):
        super().__init__({"PYTHONPATH": str(code)})
        self._open_files = open_files

    def _program(self) -> list[str]:
        return [sys.executable, "-m", "service.cli.main"]

    def _start(self) -> None:
        former = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (self._open_files, former[1]))
        try:
            super()._start()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, former)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one attack did; memory in MiB, times of the well-behaved client in milliseconds."""

    attack: str
    idle_mb: float
    peak_mb: float
    after_mb: float
    answered: int
    p50_ms: float
    p99_ms: float
    failed: dict[str, int]
    cores: float
    connections: int
    cut: int


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = parse(arguments)
    return exit_code(NAME, lambda: run(options), LoadTestError)


def run(options: argparse.Namespace) -> int:
    """Attack, print the table and the JSON object."""
    cells = []
    rows = table("Others' requests, and memory, under attack", *COLUMNS)
    for name in options.only:
        print(f"{name} …", file=sys.stderr)
        cells.append(seen := measure(name, options))
        rows.add_row(*_row(seen))
    wide_console().print(rows)
    print(json.dumps({"cells": [_cell(seen) for seen in cells]}))
    return 0


def measure(name: str, options: argparse.Namespace) -> Seen:
    """Attack a service of its own."""
    with Service(options.code, options.open_files) as service:
        place = urlsplit(service.url)
        host, port = str(place.hostname), int(place.port or 0)
        predict = ("POST", PREDICT, one_row(WIDTH))
        calm = Client(host, port, [READY, predict])
        for _, _ in zip(range(200), calm.steps(), strict=False):
            pass  # whatever the first requests bring into memory
        client, memory = Client(host, port, [READY, predict]), Memory(service.pid)
        idle_mb = memory.now_mb
        cpu_s, started_s = service.cpu_s(), time.monotonic()
        with in_background(client.steps(), BETWEEN_S), in_background(memory.steps(), BETWEEN_S):
            left = _attack(name, host, port, options.duration_s)
        cores = (service.cpu_s() - cpu_s) / (time.monotonic() - started_s)
        after_mb = memory.settled_mb(idle_mb, LEAVE_LIMIT_S)
    p50_ms, p99_ms = _percentiles_ms(client.durations_s)
    answered, failed = len(client.durations_s), client.failed
    return Seen(
        name, idle_mb, memory.peak_mb, after_mb, answered, p50_ms, p99_ms, failed, cores, **left
    )


def _attack(name: str, host: str, port: int, seconds: int) -> dict[str, int]:
    command = [sys.executable, "-m", "bench.attacks.attacker"]
    command += [name, host, str(port), PREDICT, str(seconds)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    if result.returncode:
        raise LoadTestError(f"the attacker {name} failed: {result.stderr.strip()[-300:]}")
    left: dict[str, int] = json.loads(result.stdout)
    return left


def _percentiles_ms(durations_s: list[float]) -> tuple[float, float]:
    if len(durations_s) < 2:
        return float("nan"), float("nan")
    return 1000 * median(durations_s), 1000 * quantiles(durations_s, n=100)[-1]


def _row(seen: Seen) -> list[str]:
    memory = (f"{value:.0f}" for value in (seen.idle_mb, seen.peak_mb, seen.after_mb))
    times = (f"{value:.1f}" for value in (seen.p50_ms, seen.p99_ms))
    failed = f"{sum(seen.failed.values())} of {seen.answered + sum(seen.failed.values())}"
    cut = f"{seen.cut} of {seen.connections}"
    return [seen.attack, *memory, *times, failed, f"{seen.cores:.2f}", cut]


def _cell(seen: Seen) -> dict[str, Any]:
    return {name: getattr(seen, name) for name in Seen.__slots__}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command_parser(NAME, "Attack a service of our own, and see what others notice.")
    add = parser.add_argument
    add("--only", nargs="+", choices=ATTACKS, default=[*ATTACKS], help="some of the attacks")
    add("--duration-s", type=between(1, 300), default=30, help="seconds of an attack")
    add("--open-files", type=between(256, 20000), default=1024, help="limit of the service")
    add("--code", type=Path, default=Path(__file__).parents[2], help="checkout of the service")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    end_with(main)
