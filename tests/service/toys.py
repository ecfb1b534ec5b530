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
import torch
from fastapi import FastAPI

from fff.layers import FFF, Dense
from model_store.store import Store
from service.app import create_app
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
async def running(**settings: object) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
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
        self._ready.wait(60)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line.rstrip())
            if found := re.search(r"running on (https?://\S+|unix:\S+)", line):
                self.url = found[1]
            if re.search(r"service\.engine.*\bready: ", line):  # as text or as JSON
                self._ready.set()
        self._ready.set()  # it ended without getting there; the test will see why

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


@contextlib.contextmanager
def live(*arguments: str, **environment: str) -> Iterator[LiveService]:
    """A service that is stopped whatever happens."""
    service = LiveService(*arguments, **environment)
    try:
        yield service
    finally:
        service.stop()
