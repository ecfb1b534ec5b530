"""A small store, an application in process, and the real service as a process of its own."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import httpx
import pytest
import torch

from fff.layers import FFF, Dense
from model_store.manifest import FFFManifest
from model_store.store import Store
from service.app import Application, create_app
from service.settings import Settings

WIDTH, OUTPUTS, DEPTH = 6, 3, 3
ORIGIN = {"how": "import", "format": "toy", "sha256": "0" * 64}
SCALING = {"scale": 1 / 255, "shift": -0.5}


def make_store(root: Path) -> Store:
    """An FFF of 8 leaves with a master leaf, `toy`, and its dense twin, `toy-dense`."""
    torch.manual_seed(7)
    store = Store(root)
    common = {"origin": ORIGIN, "uint8": SCALING}
    store.publish("toy-dense", Dense(WIDTH, OUTPUTS, 16).weights(), **common)
    fff = FFF(WIDTH, OUTPUTS, DEPTH, leaf_width=2, master_width=2).weights()
    store.publish("toy", fff, baseline="toy-dense", reference_leaf_rows=[[10] * 2**DEPTH], **common)
    return store


@contextlib.asynccontextmanager
async def running(**settings: object) -> AsyncIterator[tuple[Application, httpx.AsyncClient]]:
    """The application in this process, ready, and a client of it."""
    app = create_app(Settings(**settings))
    async with app.router.lifespan_context(app):
        await app.state.starting
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://toy") as client:
            yield app, client


class LiveService:
    """`fff-serve serve` on a free port of the loopback, with its log."""

    command: Sequence[str | Path] = [Path(sys.executable).parent / "fff-serve"]

    def __init__(self, *arguments: str, **environment: str):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("FFF_")}
        self.log: list[str] = []
        self.url = ""
        self._ready = threading.Event()
        self.process = subprocess.Popen(
            [*self.command, "serve", "--port", "0", *arguments],
            env=clean | environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.until_ready()

    def until_ready(self) -> None:
        """Wait until it is ready, or has ended."""
        self._ready.wait(60)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line.rstrip())
            if found := re.search(r"listening on (https?://\S+|unix:\S+)", line):
                self.url = found[1]
            if re.search(r"service\.server.*\bready on ", line):  # as text or as JSON
                self._ready.set()
        self._ready.set()  # it ended without getting there; the test will see why

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        if self.process.poll() is None:
            self.send(signal.SIGTERM)
        return self.end()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait until it has ended, and return its exit code."""
        code = self.process.wait(60)
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


def publish_another(store: Store) -> int:
    """Another version of the toy, with other weights."""
    weights = FFF(WIDTH, OUTPUTS, DEPTH, leaf_width=2, master_width=2).weights()
    same = store.manifest("toy")
    assert isinstance(same, FFFManifest)
    facts = {"reference_leaf_rows": same.reference_leaf_rows, "baseline": same.baseline}
    return store.publish("toy", weights, origin=ORIGIN, **facts).version


def compute_threads() -> set[str]:
    """Names of the compute threads of this process."""
    return {thread.name for thread in threading.enumerate() if "compute-" in thread.name}


@contextlib.contextmanager
def held(patch: pytest.MonkeyPatch, owner: object, name: str) -> Iterator[threading.Event]:
    """Let a function's calls wait until the block ends; the event says that one has begun."""
    begun, go_on, real = threading.Event(), threading.Event(), getattr(owner, name)

    def wait(*arguments: object) -> object:
        begun.set()
        go_on.wait()
        return real(*arguments)

    patch.setattr(owner, name, wait)
    try:
        yield begun
    finally:
        go_on.set()
        patch.setattr(owner, name, real)


@contextlib.contextmanager
def live(*arguments: str, **environment: str) -> Iterator[LiveService]:
    """A service that is stopped whatever happens."""
    service = LiveService(*arguments, **environment)
    try:
        yield service
    finally:
        service.stop()
