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
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import torch

from bench.http.cells import Legs, Load, Ratio, ratios
from bench.http.measure import measure_all, warm
from bench.http.parity import Refused
from bench.http.peers import PEERS, absent
from bench.http.report import Circumstances, print_circumstances, ratio_and_range, table
from bench.http.setup import random_requests, written
from bench.http.sides import Side, What, framework
from bench.http.wrk import WrkError, find_wrk
from bench.parity import ParityError
from bench.peers.settings import SETTINGS, Settings
from loadtest.harness.command import end_with, exit_code
from loadtest.harness.console import wide_console
from loadtest.harness.errors import LoadTestError
from loadtest.harness.options import between

CONNECTIONS = (1, 64)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parse(arguments)
    if absent([options.name]):
        print(f"bench.http.tuning: {options.name} is not installed: `make peers`", file=sys.stderr)
        return 1
    return exit_code(
        "bench.http.tuning", lambda: _run(options), WrkError, LoadTestError, ParityError, Refused
    )


def _run(options: argparse.Namespace) -> int:
    wrk = find_wrk()
    torch.set_num_threads(1)  # see bench.http
    circumstances = Circumstances()
    whats = _whats(options.name)
    loads = [Load(*what, connections) for what in whats for connections in CONNECTIONS]
    forms, rows = sorted({form for form, _ in whats}), sorted({rows for _, rows in whats})
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        store = Path(folder, "store")
        sent = random_requests(forms, rows, store)
        sides = [
            _side(options.name, settings, store, sent, running)
            for settings in SETTINGS[options.name]
        ]
        requests = written(sent, Path(folder))
        warm(wrk, sides, loads, requests)
        legs = measure_all(wrk, sides, loads, requests, options.rounds, options.duration_s)
    facts = circumstances.facts(options.rounds, options.duration_s)
    facts["name"], facts["chosen"] = options.name, dict(SETTINGS[options.name][0])
    facts["tried"] = _tried(legs, sides, loads)
    _print(facts)
    print(json.dumps(facts))
    return 0


def _whats(name: str) -> list[What]:
    if "binary" in PEERS[name].paths:
        return [("json", 1), ("binary", 1), ("binary", 64)]
    return [("json", 1), ("json", 64)]


def _side(
    name: str, settings: Settings, store: Path, sent: dict[What, Any], running: ExitStack
) -> Side:
    called = _values(settings)
    side, faults = framework(name, store, sent, running, settings, called)
    if faults:
        raise Refused(f"{called}: {faults[0].why}")
    return side


def _tried(legs: Legs, sides: Sequence[Side], loads: Sequence[Load]) -> list[dict[str, Any]]:
    """Compare each side with the first; a load under which one failed has no ratio."""
    first = sides[0].name
    found = []
    for side in sides[1:]:
        pair = {(name, load): legs[name, load] for load in loads for name in (first, side.name)}
        compared = ratios(pair, side.name)
        mean = geometric_mean(each.ratio for each in compared) if compared else None
        found.append({"settings": side.name, "mean": mean, "ratios": [*map(asdict, compared)]})
    return found


def _print(facts: dict[str, Any]) -> None:
    names, found = ", ".join(facts["chosen"]), facts["tried"]
    columns = [
        f"{each['rows']} {each['form']}\n{each['connections']}" for each in found[0]["ratios"]
    ]
    title = f"{facts['name']}: requests/s over those with {_values(facts['chosen'])}"
    shown = table(title, "server", *columns, "mean")
    for tried in found:
        each = [ratio_and_range(Ratio(**ratio)) for ratio in tried["ratios"]]
        each += ["–"] * (len(columns) - len(each))
        shown.add_row(tried["settings"], *each, f"{tried['mean']:.2f}" if tried["mean"] else "–")
    console = wide_console()
    console.print(shown)
    console.print(f"settings: {names}")
    print_circumstances(console, facts)


def _values(settings: Settings) -> str:
    return ", ".join(f"{value:g}" for value in settings.values())


def _with_others() -> list[str]:
    return [name for name, tried in SETTINGS.items() if len(tried) > 1]


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.http.tuning",
        description="Compare a serving framework's settings with each other, over HTTP, by wrk.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("name", choices=_with_others())
    parser.add_argument("--rounds", type=between(1, 20), default=3, help="legs of a setting")
    parser.add_argument("--duration-s", type=between(1, 60), default=2, help="seconds of a leg")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    end_with(main)
