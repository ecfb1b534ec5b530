"""What runs in the two comparisons of the request-path bench, up to the first leg."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.http.bodies import (
    Form,
    RequestFiles,
    RequestType,
    json_body,
    random_bodies,
    write_requests,
)
from bench.http.cells import Load
from bench.http.model import SEED, publish, random_weights
from bench.http.parity import check
from bench.http.sides import OURS, Bodies, Fault, Server, start
from loadtest.harness.images import BUNDLED, read_images
from loadtest.harness.service_process import ServiceProcess
from model_store.store import DEMO_STORE, Store
from networks import reference

UNBATCHED = "fff-serve, one row a batch"
SETTINGS = {OURS: {}, UNBATCHED: {"FFF_MAX_BATCH_ROWS": "1"}}
DEMO, DEMO_BODIES = "digits", 256


@dataclass(frozen=True, slots=True)
class Setup:
    """
    Running servers and the requests for them.

    Attributes:
        servers: In the order of the report.
        faults: What a server refused; it is reported, and not sent again.
        loads: Each server has a leg a round under those of a type that it takes.
        requests: Written for wrk.
    """

    servers: Sequence[Server]
    faults: Sequence[Fault]
    loads: Sequence[Load]
    requests: RequestFiles


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
        names: Keys of `sides.SIDES`.
        forms: Each is sent with each number of rows.
        rows: In a request.
        connections: Kept open at a time.
        folder: Empty; for the store and the requests.
        running: The servers end with it.

    Raises:
        ParityError: A server whose answer is not the reference's.
    """
    bodies = random_requests(forms, rows, folder / "store")
    servers, faults = start(names, folder / "store", bodies, running)
    loads = [Load(*request_type, n) for request_type in bodies for n in connections]
    return Setup(servers, faults, loads, write_all(bodies, folder))


def batching(connections: Sequence[int], folder: Path, running: ExitStack) -> Setup:
    """
    Start the service twice on its demo pair, once with one row a batch, for one-row JSON.

    Arguments and errors: see `comparison`.
    """
    request_type: RequestType = ("json", 1)
    images = read_images(BUNDLED, DEMO_BODIES)
    brightest = max(map(max, images))
    rows = [torch.tensor([[pixel / brightest for pixel in image]]) for image in images]
    weights = Store(DEMO_STORE).load(DEMO).weights
    bodies = tuple(json_body(x, reference.infer(x, weights).logits) for x in rows)
    servers = []
    for name, settings in SETTINGS.items():
        process = running.enter_context(ServiceProcess(settings))
        url = f"{process.url}/v1/models/{DEMO}/predict"
        check(name, url, "json", bodies)
        servers.append(Server(name, process, {request_type: url}, DEMO))
    loads = [Load(*request_type, n) for n in connections]
    return Setup(servers, (), loads, write_all({request_type: bodies}, folder))


def random_requests(forms: Sequence[Form], rows: Sequence[int], store: Path) -> Bodies:
    """Publish a model of random weights into a new store, and write requests for it."""
    generator = torch.Generator().manual_seed(SEED)
    weights = random_weights(generator)
    publish(store, weights)
    return {(form, n): random_bodies(form, n, weights, generator) for form in forms for n in rows}


def write_all(bodies: Bodies, folder: Path) -> RequestFiles:
    """Write requests into a folder, a file for each type."""
    return {
        (form, rows): write_requests(bodies[form, rows], folder / f"{form}-{rows}")
        for form, rows in bodies
    }
