"""What runs in the two comparisons of the request-path bench, up to the first leg."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.http.bodies import Body, Form, Requests, bodies, json_body
from bench.http.cells import Load
from bench.http.measure import Sent
from bench.http.parity import check
from bench.http.sides import OURS, SEED, Fault, Side, What, publish, random_weights, start
from fff import reference
from loadtest.harness.images import BUNDLED, read_images
from loadtest.harness.service_process import ServiceProcess
from model_store.store import DEMO_STORE, Store

UNBATCHED = "fff-serve, one row a batch"
SETTINGS = {OURS: {}, UNBATCHED: {"FFF_MAX_BATCH_ROWS": "1"}}
DEMO, DEMO_BODIES = "digits", 256


@dataclass(frozen=True, slots=True)
class Setup:
    """
    Running servers and what to ask them.

    Attributes:
        faults: What a server refused; it is reported, and not asked for again.
        sent: The requests, written for wrk.
    """

    sides: Sequence[Side]
    faults: Sequence[Fault]
    loads: Sequence[Load]
    sent: Sent


def comparison(
    names: Sequence[str],
    forms: Sequence[Form],
    rows: Sequence[int],
    connections: Sequence[int],
    folder: Path,
    running: ExitStack,
) -> Setup:
    """
    Start the service and others on one model of random weights.

    Args:
        names: Of `http_sides.SIDES`.
        forms: Of the requests.
        rows: In a request.
        connections: Kept open.
        folder: For the store and the requests.
        running: Ends the servers.

    Raises:
        ParityError: A server whose answer is not the reference's.
    """
    sent = random_requests(forms, rows, folder / "store")
    sides, faults = start(names, folder / "store", sent, running)
    loads = [Load(*what, n) for what in sent for n in connections]
    return Setup(sides, faults, loads, written(sent, folder))


def batching(connections: Sequence[int], folder: Path, running: ExitStack) -> Setup:
    """
    Start the service twice on its demo pair, once with one row a batch, for one-row JSON.

    Arguments and errors: see `comparison`.
    """
    what: What = ("json", 1)
    images = read_images(BUNDLED, DEMO_BODIES)
    brightest = max(map(max, images))
    rows = [torch.tensor([[pixel / brightest for pixel in image]]) for image in images]
    weights = Store(DEMO_STORE).load(DEMO).weights
    sent = {what: tuple(json_body(x, reference.infer(x, weights).logits) for x in rows)}
    sides = []
    for name, settings in SETTINGS.items():
        process = running.enter_context(ServiceProcess(settings))
        url = f"{process.url}/v1/models/{DEMO}/predict"
        check(name, url, "json", sent[what])
        sides.append(Side(name, process, {what: url}, DEMO))
    return Setup(sides, (), [Load(*what, n) for n in connections], written(sent, folder))


def random_requests(
    forms: Sequence[Form], rows: Sequence[int], store: Path
) -> dict[What, tuple[Body, ...]]:
    """Publish a model of random weights into a new store, and write requests for it."""
    generator = torch.Generator().manual_seed(SEED)
    weights = random_weights(generator)
    publish(store, weights)
    return {(form, n): bodies(form, n, weights, generator) for form in forms for n in rows}


def written(sent: Mapping[What, tuple[Body, ...]], folder: Path) -> Sent:
    """Write requests into a folder."""
    found = {what: Requests(sent[what], folder / f"{what[0]}-{what[1]}") for what in sent}
    for requests in found.values():
        requests.write()
    return found
