"""
`python -m loadtest.run`: the FFF and its dense twin under the same load, side by side.

Starts a service, loads its two sides in turn with locust over several rounds (the speed of a
machine drifts; sides that alternate drift together), and reports what the users saw beside
what the service counted. Ends by itself; exits 1 if a request failed or the service did.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from loadtest.harness.command import end_with, exit_code
from loadtest.harness.errors import LoadTestError
from loadtest.harness.exposition import ServerCounts, read_counts
from loadtest.harness.images import BUNDLED, read_images
from loadtest.harness.machine import load_average, machine, today
from loadtest.harness.options import between, command_parser
from loadtest.harness.service_api import Pair, get, served_pair
from loadtest.harness.service_process import ServiceProcess
from loadtest.locust_leg import Side, UserLoad, run_leg
from loadtest.report import SideFigures, SideLeg, errors, pool_sides
from loadtest.table import print_report

RESULTS = Path(__file__).with_name("results")
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parse(arguments)
    command = shlex.join(["python", "-m", "loadtest.run", *arguments])
    return exit_code("loadtest", lambda: _load_and_report(options, command), LoadTestError)


def _load_and_report(options: argparse.Namespace, command: str) -> int:
    read_images(options.images, 1)  # complain before anything is started
    options.results.mkdir(parents=True, exist_ok=True)
    before = load_average()
    with _service(options) as url:
        pair = served_pair(url, options.model)
        legs = [
            _measure(url, pair, side, options, options.results / f"{number}-{side}")
            for number, side in _order(options.rounds)
        ]
    facts = {
        "command": command,
        "date": today(),
        "machine": machine(),
        "load_average": {"before": before, "after": load_average()},
        "users": options.users,
        "duration_s": options.duration_s,
        "rows": options.rows,
        "rounds": options.rounds,
        "images": options.images.name,
    }
    return _report(legs, facts, options.results)


@contextmanager
def _service(options: argparse.Namespace) -> Iterator[str]:
    if options.url:
        get(f"{options.url}/readyz")
        yield options.url
    else:
        with ServiceProcess() as service:
            yield service.url


def _order(rounds: int) -> Iterator[tuple[int, Side]]:
    sides: tuple[Side, Side] = ("fff", "dense")
    for number in range(1, rounds + 1):
        yield from ((number, side) for side in sides)


def _measure(
    url: str, pair: Pair, side: Side, options: argparse.Namespace, report: Path
) -> SideLeg:
    model = pair.fff if side == "fff" else pair.dense
    load = UserLoad(options.users, options.duration_s, options.rows, pair.fff, options.images)
    print(f"loading {model} for {load.duration_s} s …", file=sys.stderr)
    before = _scrape(url, model)
    client = run_leg(url, side, load, report)
    return SideLeg(side, model, client, _scrape(url, model) - before)


def _scrape(url: str, model: str) -> ServerCounts:
    return read_counts(get(f"{url}/metrics").decode(), model)


def _report(legs: list[SideLeg], facts: dict[str, Any], results: Path) -> int:
    sides = pool_sides(legs, facts["rows"])
    path = results / "report.json"
    texts = errors(legs)
    report = facts | {
        "sides": [asdict(side) for side in sides],
        "legs": [_leg(leg) for leg in legs],
        "errors": dict(texts),
    }
    path.write_text(json.dumps(report, indent=2) + "\n")
    print_report(sides, facts)
    print(f"{path.name} and locust's own pages are in {_from_here(results)}")
    for text, count in texts.most_common(5):
        print(f"loadtest: {count} requests failed: {text}", file=sys.stderr)
    return 1 if _failed(sides) else 0


def _failed(sides: list[SideFigures]) -> bool:
    return any(side.failures for side in sides)


def _leg(leg: SideLeg) -> dict[str, Any]:
    return {
        "side": leg.side,
        "model": leg.model,
        "requests": leg.client.requests,
        "failures": leg.client.failures,
        "seconds": leg.client.seconds,
        "requests_per_s": leg.requests_per_s,
        "generator_cpu_s": leg.client.generator_cpu_s,
        "server": asdict(leg.server),
    }


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = command_parser(
        "loadtest.run", "Load an FFF and its dense twin in turn and compare what users get."
    )
    add = parser.add_argument
    add("--users", type=between(1, 1000), default=64, help="requests under way at a time")
    add("--duration-s", type=between(1, 600), default=10, help="seconds of a leg")
    add("--rows", type=between(1, 4096), default=1, help="images in one request")
    add("--rounds", type=between(2, 20), default=2, help="legs a side")
    add("--model", default="", help="the FFF; empty takes the first served with its baseline")
    add("--images", type=Path, default=BUNDLED, help="IDX file of images, .gz or plain")
    add("--url", type=_loopback, default="", help="a running service; empty starts one")
    add("--results", type=Path, default=RESULTS, help="folder for the reports")
    return parser.parse_args(arguments)


def _loopback(url: str) -> str:
    # Loading someone else's machine should take more than a mistyped address.
    if url and urlsplit(url).hostname not in LOOPBACK:
        raise argparse.ArgumentTypeError(
            f"must be on this machine, such as http://127.0.0.1:8000, got {url!r}; for others "
            "run locust itself: locust -f loadtest/locustfile.py --host URL"
        )
    return url.rstrip("/")


if __name__ == "__main__":
    end_with(main)
