"""
`python -m bench.http.tuning NAME`: a serving framework under other settings than `bench.http`'s.

A benchmark against a crippled rival is a defect: whoever doubts the settings of a framework can
measure here what was tried, or write down others in `bench.peers.settings` and measure those. The
framework runs once for each; as in `bench.http` they are asked in turn and all others sleep.

Figures are the requests a second of a setting over those of the one that `bench.http` uses: medians
over the rounds of each round's ratio, with the least and the greatest, and the geometric mean of
the medians over the loads, by which settings are chosen. The last line of standard output is JSON.

Covered:      one row as JSON, one and 64 rows as bytes (a framework without a form for bytes: as
              JSON), over one connection and 64.
Not covered:  versions and event loops; another model, whose best settings may be others.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from bench.http.bodies import RequestType
from bench.http.cells import Legs, Load, Ratio, ratios
from bench.http.command import Facts, Workplace, run_bench
from bench.http.measure import measure_all, warm
from bench.http.parity import Refused
from bench.http.peers import PEERS, absent
from bench.http.report import print_circumstances, ratio_and_range, table
from bench.http.setup import random_requests, write_all
from bench.http.sides import Bodies, Server, start_framework
from bench.peers.settings import SETTINGS, Settings
from loadtest.harness.command import end_with
from loadtest.harness.console import wide_console
from loadtest.harness.options import add_legs, command_parser

NAME = "bench.http.tuning"
CONNECTIONS = (1, 64)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parse(arguments)
    if absent([options.name]):
        print(f"{NAME}: {options.name} is not installed: `make peers`", file=sys.stderr)
        return 1
    return run_bench(NAME, options, partial(_measure, options), partial(_report, options.name))


def _measure(options: argparse.Namespace, place: Workplace) -> list[dict[str, Any]]:
    types = _request_types(options.name)
    loads = [Load(*each, connections) for each in types for connections in CONNECTIONS]
    forms, rows = sorted({form for form, _ in types}), sorted({rows for _, rows in types})
    store = place.folder / "store"
    bodies = random_requests(forms, rows, store)
    servers = [
        _start(options.name, settings, store, bodies, place.running)
        for settings in SETTINGS[options.name]
    ]
    requests = write_all(bodies, place.folder)
    warm(place.wrk, servers, loads, requests)
    legs = measure_all(place.wrk, servers, loads, requests, options.rounds, options.duration_s)
    return _compare(legs, servers, loads)


def _report(name: str, results: list[dict[str, Any]], facts: Facts) -> int:
    facts["name"], facts["chosen"] = name, dict(SETTINGS[name][0])
    facts["tried"] = results
    _print(facts)
    print(json.dumps(facts))
    return 0


def _request_types(name: str) -> list[RequestType]:
    if "binary" in PEERS[name].paths:
        return [("json", 1), ("binary", 1), ("binary", 64)]
    return [("json", 1), ("json", 64)]


def _start(
    name: str, settings: Settings, store: Path, bodies: Bodies, running: ExitStack
) -> Server:
    label = _values(settings)
    server, faults = start_framework(name, store, bodies, running, settings, label)
    if faults:
        raise Refused(f"{label}: {faults[0].reason}")
    return server


def _compare(legs: Legs, servers: Sequence[Server], loads: Sequence[Load]) -> list[dict[str, Any]]:
    """Compare each server with the first; a load under which one failed has no ratio."""
    first, *others = (server.name for server in servers)
    results = []
    for name in others:
        pair = {(each, load): legs[each, load] for load in loads for each in (first, name)}
        compared = ratios(pair, name)
        mean = geometric_mean(each.ratio for each in compared) if compared else None
        results.append({"settings": name, "mean": mean, "ratios": [*map(asdict, compared)]})
    return results


def _print(facts: Facts) -> None:
    names, results = ", ".join(facts["chosen"]), facts["tried"]
    columns = [
        f"{each['rows']} {each['form']}\n{each['connections']}" for each in results[0]["ratios"]
    ]
    title = f"{facts['name']}: requests/s over those with {_values(facts['chosen'])}"
    rows = table(title, "server", *columns, "mean")
    for result in results:
        texts = [ratio_and_range(Ratio(**ratio)) for ratio in result["ratios"]]
        texts += ["–"] * (len(columns) - len(texts))
        rows.add_row(result["settings"], *texts, f"{result['mean']:.2f}" if result["mean"] else "–")
    console = wide_console()
    console.print(rows)
    console.print(f"settings: {names}")
    print_circumstances(console, facts)


def _values(settings: Settings) -> str:
    return ", ".join(f"{value:g}" for value in settings.values())


def _with_others() -> list[str]:
    return [name for name, several in SETTINGS.items() if len(several) > 1]


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = command_parser(
        NAME, "Compare a serving framework's settings with each other, over HTTP, by wrk."
    )
    parser.add_argument("name", choices=_with_others())
    add_legs(parser, rounds=3, duration_s=2)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    end_with(main)
