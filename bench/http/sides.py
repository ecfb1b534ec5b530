"""
Who the request-path bench asks: the service, the other servers, and where each is asked.

All of them serve one model, and all are there at once: whoever is not asked sleeps, serving
frameworks by force.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from bench.http.bodies import (
    Body,
    Form,
    Read,
    RequestFiles,
    RequestType,
    read_answer,
    write_requests,
)
from bench.http.model import MODEL
from bench.http.parity import Refused, check
from bench.http.peers import PEERS
from bench.http.peers import process as framework_process
from bench.peers.settings import Settings
from loadtest.harness.service_process import ServiceProcess

OURS, FLOOR = "fff-serve", "constant"
SIDES: dict[str, tuple[Form, ...]] = {
    OURS: ("json", "binary"),
    "fastapi-pydantic": ("json",),  # nobody writes the protocol by hand
    "asgi-gather": ("json", "binary"),
    "asgi-kernel": ("json", "binary"),
    **{name: tuple(peer.paths) for name, peer in PEERS.items()},
    FLOOR: ("json", "binary"),
}

Bodies = Mapping[RequestType, tuple[Body, ...]]


@dataclass(frozen=True, slots=True)
class Server:
    """
    A running server.

    Attributes:
        name: In the report.
        process: Its process, or the parent of its processes.
        urls: Where it takes a type of request; types it does not take are missing.
        metrics_model: The model whose figures its /metrics has; empty for servers without.
        own_requests: In its own dialect; empty for servers that take the service's.
        awake: The block in which it runs.
    """

    name: str
    process: ServiceProcess
    urls: Mapping[RequestType, str]
    metrics_model: str = ""
    own_requests: RequestFiles = field(default_factory=dict)
    awake: Callable[[], AbstractContextManager[None]] = nullcontext


@dataclass(frozen=True, slots=True)
class Fault:
    """A type of request that a server should take and refuses."""

    server: str
    form: Form
    rows: int
    reason: str


class HandWrittenProcess(ServiceProcess):
    """
    A server of `bench.http.servers` as a context manager.

    Args:
        name: One of its applications.
        store: Folder that holds `MODEL`.
    """

    def __init__(self, name: str, store: Path):
        super().__init__()
        port = self.url.rpartition(":")[2]
        self._command = [sys.executable, "-m", "bench.http.servers", name, "--store", str(store)]
        self._command += ["--model", MODEL, "--port", port]


def start(
    names: Iterable[str], store: Path, bodies: Bodies, running: ExitStack
) -> tuple[list[Server], list[Fault]]:
    """
    Start servers and hold the answers of each against the reference.

    Args:
        names: Keys of `SIDES`, in any order.
        store: Holds `MODEL`; requests in a dialect are written beside it.
        bodies: Those that each server must answer, for each type that it takes.
        running: The servers end with it.

    Returns:
        The servers, each with what it takes, and what they refused but should take.

    Raises:
        ParityError: A server whose answer is not the reference's.
    """
    servers: list[Server] = []
    faults: list[Fault] = []
    answer_bytes: dict[RequestType, int] = {}  # of whom answers first: the service, if it runs
    for name in sorted(names, key=list(SIDES).index):
        if name in PEERS:
            server, refused = start_framework(name, store, bodies, running)
        else:
            server, refused = _start(name, store, bodies, answer_bytes, running)
        servers.append(server)
        faults += refused
    return servers, faults


def start_framework(
    name: str,
    store: Path,
    bodies: Bodies,
    running: ExitStack,
    settings: Settings | None = None,
    label: str = "",
) -> tuple[Server, list[Fault]]:
    """
    Start a framework, hold its answers against the reference, and let it sleep.

    Args:
        name: A key of `PEERS`.
        store: Holds `MODEL`; its requests are written beside it.
        bodies: It must answer those of the forms that it takes.
        running: It ends with this.
        settings: Others than its best.
        label: Its name in the report, if another.

    Returns:
        The framework, with what it takes, and what it refused but should take.

    Raises:
        ParityError: If an answer is not the reference's.
    """
    peer, label = PEERS[name], label or name
    process = running.enter_context(framework_process(name, store, MODEL, settings))
    own = {
        (form, rows): write_requests(
            tuple(peer.write(form, body) for body in bodies[form, rows]),
            store.with_name(f"{name}-{form}-{rows}"),
        )
        for form, rows in bodies
        if form in peer.paths
    }
    urls = {(form, rows): process.url + peer.paths[form] for form, rows in own}
    own_bodies = {request_type: file.bodies for request_type, file in own.items()}
    sizes, faults = _check_all(label, urls, own_bodies, read=peer.read)
    process.pause()
    taken = {request_type: urls[request_type] for request_type in sizes}
    return Server(label, process, taken, own_requests=own, awake=process.awake), faults


def _start(
    name: str,
    store: Path,
    bodies: Bodies,
    answer_bytes: dict[RequestType, int],
    running: ExitStack,
) -> tuple[Server, list[Fault]]:
    """Start any other; notes the bytes of its answers in `answer_bytes` where none are noted."""
    process = ServiceProcess(store=store) if name == OURS else HandWrittenProcess(name, store)
    running.enter_context(process)
    urls = {
        (form, rows): process.url + _path(name, form, answer_bytes.get((form, rows), 0))
        for form, rows in bodies
        if form in SIDES[name]
    }
    sizes, faults = _check_all(name, urls, bodies, exact=name != FLOOR)
    for request_type, size in sizes.items():
        answer_bytes.setdefault(request_type, size)
    taken = {request_type: urls[request_type] for request_type in sizes}
    return Server(name, process, taken, MODEL if name == OURS else ""), faults


def _check_all(
    name: str,
    urls: Mapping[RequestType, str],
    bodies: Bodies,
    exact: bool = True,
    read: Read = read_answer,
) -> tuple[dict[RequestType, int], list[Fault]]:
    """Check each type of request: bytes of an answer where it is taken, a fault where not."""
    sizes: dict[RequestType, int] = {}
    faults: list[Fault] = []
    for (form, rows), url in urls.items():
        try:
            sizes[form, rows] = check(name, url, form, bodies[form, rows], exact, read)
        except Refused as exc:
            faults.append(Fault(name, form, rows, str(exc)))
    return sizes, faults


def _path(name: str, form: Form, answer_bytes: int) -> str:
    if name == FLOOR:
        return f"/constant/{answer_bytes}"
    return f"/v1/models/{MODEL}/predict" if form == "json" else f"/v2/models/{MODEL}/infer"
