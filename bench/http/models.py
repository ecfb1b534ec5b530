"""
`python -m bench.http.models --store FOLDER MODEL OTHER …`: what a model's arithmetic is worth over
HTTP.

One service holds all of them, so that everything but the arithmetic is the same; wrk asks them in
turn, round after round, with the same rows. How many times as many requests the first one answers
is the median of the rounds' ratios. The last line of standard output is one JSON object.

Covered:      any kinds of models of one input width; rows from -1 to 1, as a field's coordinates.
Not covered:  whether they answer equally well (`fff-serve report`); other servers (`bench.http`).
"""

import argparse
import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch

from bench.http.bodies import FORMS, Body, Form, binary_body, json_body, write_requests
from bench.http.cells import Legs, Load, cell, ratios
from bench.http.command import Facts, Workplace, run_bench
from bench.http.measure import measure_all, warm
from bench.http.model import SEED
from bench.http.parity import Refused, check
from bench.http.report import print_cells, print_circumstances, print_ratios
from bench.http.sides import Server
from loadtest.harness.command import end_with
from loadtest.harness.console import wide_console
from loadtest.harness.options import add_legs, between, command_parser
from loadtest.harness.service_process import ServiceProcess
from model_store.errors import StoreError
from model_store.store import Store
from networks.backends import build_backend

NAME = "bench.http.models"
BODIES = 64  # of a load: at 64 rows each, no row is met twice in one batch


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = parse(arguments)
    return run_bench(NAME, options, partial(_measure, options), partial(report, options))


def _measure(options: argparse.Namespace, place: Workplace) -> tuple[Legs, Load]:
    load = Load(options.form, options.rows, options.connections)
    files = {name: bodies_of(options, name) for name in options.models}
    first, *others = files.values()
    if any(bodies[0].content != first[0].content for bodies in others):
        raise Refused("the models must have one input width: all are sent the same rows")
    servers = start(options, files, place.running)
    requests = {(load.form, load.rows): write_requests(first, place.folder / "requests")}
    warm(place.wrk, servers, [load], requests)
    each = options.rounds, options.duration_s
    return measure_all(place.wrk, servers, [load], requests, *each), load


def bodies_of(options: argparse.Namespace, name: str) -> tuple[Body, ...]:
    """
    Write the requests, the same ones for each model, with the answers that this one owes.

    Raises:
        Refused: If the store has no such model.
    """
    try:
        weights = Store(options.store).load(name).weights
    except StoreError as exc:
        raise Refused(str(exc)) from exc
    backend = build_backend(weights, torch.device("cpu"), "torch")
    generator = torch.Generator().manual_seed(SEED)
    rows = 2 * torch.rand(BODIES * options.rows, weights.input_width, generator=generator) - 1
    write = json_body if options.form == "json" else binary_body
    pairs = ((x, backend.infer(x).logits) for x in torch.split(rows, options.rows))
    return tuple(write(x, logits) for x, logits in pairs)


def start(
    options: argparse.Namespace, bodies: dict[str, tuple[Body, ...]], running: ExitStack
) -> list[Server]:
    """
    Start one service and hold each model's answers against its own weights.

    Raises:
        Refused: A model that does not answer.
        ParityError: Other logits than the weights have.
    """
    form: Form = options.form
    process = running.enter_context(ServiceProcess(store=options.store))
    servers = []
    for name in options.models:
        path = f"/v1/models/{name}/predict" if form == "json" else f"/v2/models/{name}/infer"
        check(name, process.url + path, form, bodies[name])
        servers.append(Server(name, process, {(form, options.rows): process.url + path}, name))
    return servers


def report(options: argparse.Namespace, results: tuple[Legs, Load], facts: Facts) -> int:
    """Print the tables and the JSON object; returns the exit code."""
    legs, load = results
    first: str = options.models[0]
    cells = [cell(name, load, legs[name, load]) for name in options.models]
    compared = ratios(legs, first)
    console = wide_console()
    print_cells(console, cells)
    print_ratios(console, compared, first)
    print_circumstances(console, facts)
    facts |= {"cells": [asdict(each) for each in cells]}
    print(json.dumps(facts | {"ratios": [asdict(each) for each in compared]}))
    return 1 if any(each.errors for each in cells) else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command_parser(NAME, "Load models of one store in turn, over HTTP.")
    add_legs(parser, rounds=5, duration_s=3)
    add = parser.add_argument
    add("models", nargs="+", metavar="MODEL", help="the first is compared with the others")
    add("--store", type=Path, required=True, help="folder that holds them")
    add("--form", choices=FORMS, default="binary", help="of requests")
    add("--rows", type=between(1, 1024), default=64, help="in a request")
    add("--connections", type=between(1, 512), default=16, help="kept open")
    options = parser.parse_args(arguments)
    if len(set(options.models)) != len(options.models):
        parser.error("each model is named once")
    return options


if __name__ == "__main__":
    end_with(main)
