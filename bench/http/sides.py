"""
Who the request-path bench asks: the service, the other servers, and where each is asked.

All of them serve one tree of random weights, published into a store of the bench's own, and all
are there at once: whoever is not asked sleeps, serving frameworks by force.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from bench.http.bodies import Body, Form, Requests
from bench.http.parity import Refused, check
from bench.http.peers import PEERS
from bench.http.peers import process as framework_process
from bench.networks import Shape, random_dense, random_tree
from bench.peers.settings import Settings
from fff.weights import FeedForwardWeights, FFFWeights
from loadtest.harness.service_process import ServiceProcess
from model_store.store import Store

OURS, FLOOR = "fff-serve", "constant"
SIDES: dict[str, tuple[Form, ...]] = {
    OURS: ("json", "binary"),
    "fastapi-pydantic": ("json",),  # nobody writes the protocol by hand
    "asgi-gather": ("json", "binary"),
    "asgi-kernel": ("json", "binary"),
    **{name: tuple(peer.paths) for name, peer in PEERS.items()},
    FLOOR: ("json", "binary"),
}
MODEL = "bench"
SHAPE, MASTER_WIDTH = Shape(i=784, o=10, l=8, d=4), 8  # of the published model_l8_d4_a1_h1_master3
SEED = 0

What = tuple[Form, int]  # form and rows of a request


@dataclass(frozen=True, slots=True)
class Side:
    """
    A running server.

    Attributes:
        name: In the report.
        process: It.
        urls: Where it takes a form and number of rows; what it does not take is not there.
        counted: The model whose figures its /metrics has; empty for servers without.
        own: The requests in its own dialect; empty for servers that take the service's.
        awake: The block in which it runs.
    """

    name: str
    process: ServiceProcess
    urls: Mapping[What, str]
    counted: str = ""
    own: Mapping[What, Requests] = field(default_factory=dict)
    awake: Callable[[], AbstractContextManager[None]] = nullcontext


@dataclass(frozen=True, slots=True)
class Fault:
    """A form of request that a server should take and refuses."""

    server: str
    form: Form
    rows: int
    why: str


class PeerProcess(ServiceProcess):
    """
    A server of `bench.http.servers` as a context manager.

    Args:
        name: Which.
        store: Holds `MODEL`.
    """

    def __init__(self, name: str, store: Path):
        super().__init__()
        port = self.url.rpartition(":")[2]
        self._command = [sys.executable, "-m", "bench.http.servers", name, "--store", str(store)]
        self._command += ["--model", MODEL, "--port", port]


def random_weights(generator: torch.Generator) -> FFFWeights:
    """Draw a tree with a master leaf."""
    tree = random_tree(SHAPE, generator)
    master = random_dense(SHAPE, MASTER_WIDTH, generator)
    return replace(tree, master=master, master_logit=torch.tensor(1.0))


def publish(folder: Path, weights: FFFWeights, twin: FeedForwardWeights | None = None) -> None:
    """Put the weights into a store as `MODEL`, and a dense twin beside them."""
    origin = {"how": "training", "recipe": {"weights": "random"}, "seed": SEED, "metrics": {}}
    if twin is not None:
        Store(folder).publish(f"{MODEL}-dense", twin, origin=origin)
    baseline = None if twin is None else f"{MODEL}-dense"
    Store(folder).publish(MODEL, weights, baseline=baseline, origin=origin)


def start(
    names: Iterable[str],
    folder: Path,
    sent: Mapping[What, tuple[Body, ...]],
    running: ExitStack,
) -> tuple[list[Side], list[Fault]]:
    """
    Start servers and hold the answers of each against the reference.

    Args:
        names: Of `SIDES`.
        folder: The store; requests in a dialect are written beside it.
        sent: The requests, by form and rows.
        running: Ends them.

    Returns:
        The servers, each with what it takes, and what they refused but should take.

    Raises:
        ParityError: A server whose answer is not the reference's.
    """
    sides: list[Side] = []
    faults: list[Fault] = []
    answer_bytes: dict[What, int] = {}  # as the first that answers does: the service, if it runs
    for name in sorted(names, key=list(SIDES).index):
        if name in PEERS:
            side, found = framework(name, folder, sent, running)
            sides.append(side)
            faults += found
            continue
        ours = name == OURS
        process = ServiceProcess(store=folder) if ours else PeerProcess(name, folder)
        running.enter_context(process)
        urls: dict[What, str] = {}
        for what in (what for what in sent if what[0] in SIDES[name]):
            url = process.url + _path(name, what[0], answer_bytes.get(what, 0))
            try:
                size = check(name, url, what[0], sent[what], exact=name != FLOOR)
            except Refused as exc:
                faults.append(Fault(name, *what, str(exc)))
            else:
                answer_bytes.setdefault(what, size)
                urls[what] = url
        sides.append(Side(name, process, urls, MODEL if ours else ""))
    return sides, faults


def framework(
    name: str,
    folder: Path,
    sent: Mapping[What, tuple[Body, ...]],
    running: ExitStack,
    settings: Settings | None = None,
    called: str = "",
) -> tuple[Side, list[Fault]]:
    """
    Start a framework, hold its answers against the reference, and let it sleep.

    Args:
        name: Of `PEERS`.
        folder: The store.
        sent: The requests, by form and rows; it is asked for the forms that it takes.
        running: Ends it.
        settings: Other ones than its best.
        called: In the report, if not by its name.

    Raises:
        ParityError: If an answer is not the reference's.
    """
    peer, called = PEERS[name], called or name
    urls: dict[What, str] = {}
    faults: list[Fault] = []
    process = running.enter_context(framework_process(name, folder, MODEL, settings))
    own: dict[What, Requests] = {}
    for what in (what for what in sent if what[0] in peer.paths):
        form, rows = what
        bodies = tuple(peer.write(form, body) for body in sent[what])
        own[what] = Requests(bodies, folder.with_name(f"{name}-{form}-{rows}"))
        own[what].write()
        url = process.url + peer.paths[form]
        try:
            check(called, url, form, bodies, read=peer.read)
        except Refused as exc:
            faults.append(Fault(called, *what, str(exc)))
        else:
            urls[what] = url
    process.pause()
    return Side(called, process, urls, own=own, awake=process.awake), faults


def _path(name: str, form: Form, answer_bytes: int) -> str:
    if name == FLOOR:
        return f"/constant/{answer_bytes}"
    return f"/v1/models/{MODEL}/predict" if form == "json" else f"/v2/models/{MODEL}/infer"
