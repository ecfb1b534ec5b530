"""The service as a process that is told to stop: early, as process 1, with what hangs in it."""

import contextlib
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import psutil
import pytest

from fff.layers import Dense
from model_store.store import Store
from tests.service import toys

HANG_S = 60
"""After which a test gives a process up: many times what a stop takes on a busy machine."""

MUCH = 4 * 1024 * 4096

UNSHARE = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]


class Starting(toys.LiveService):
    """A service that nobody has waited for."""

    def __init__(self, *arguments: str, **environment: str):
        super().__init__(*arguments, **environment)
        self.clients = contextlib.ExitStack()

    def until_ready(self) -> None:
        """Do not wait."""

    def until(self, true: Callable[[], object]) -> None:
        """Wait until something is so, or the service has ended, or nothing happens any more."""
        ended = self.process
        for _ in range(HANG_S * 200):
            if true() or ended.poll() is not None:
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                ended.wait(0.005)
        raise AssertionError("nothing happens: " + "\n".join(self.log))

    def said(self, text: str) -> bool:
        """Whether a line of the log has it."""
        return any(text in line for line in self.log)

    def until_said(self, text: str) -> None:
        """Wait for a line of the log."""
        self.until(lambda: self.said(text))

    def connect(self, sent: bytes, buffer_bytes: int = 0) -> socket.socket:
        """A connection that has sent something; it is closed after the service has ended."""
        connection = self.clients.enter_context(socket.socket())
        if buffer_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        connection.settimeout(HANG_S)
        connection.connect(self.address)
        connection.sendall(sent)
        return connection

    def until_it_handles_signals(self) -> None:
        """Wait for the first handler: before it, the system's default holds."""
        self.until(lambda: _handles(self.main, signal.SIGTERM))

    @property
    def main(self) -> psutil.Process | None:
        """The process of the service itself; None where it is not there, yet or any more."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return self.find(psutil.Process(self.process.pid))
        return None

    def find(self, started: psutil.Process) -> psutil.Process | None:
        """The process of the service, from the one that was started."""
        return started

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, wherever it runs."""
        main = self.main
        with contextlib.suppress(psutil.NoSuchProcess):
            if main is not None:
                main.send_signal(number)

    @property
    def processor_s(self) -> float:
        """Processor time it has taken."""
        main = self.main
        with contextlib.suppress(psutil.NoSuchProcess):
            return sum(main.cpu_times()[:2]) if main is not None else 0.0
        return 0.0

    @property
    def counted(self) -> tuple[int, int]:
        """Requests accepted and answered, as its last words say."""
        (last,) = (line for line in self.log if "stopped: accepted" in line)
        accepted, answered = map(int, re.findall(r"(?:accepted|answered) (\d+)", last))
        return accepted, answered

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)


class AsProcess1(Starting):
    """A service that is the first process of a namespace, as in a container."""

    command = [*UNSHARE, "--kill-child", *toys.LiveService.command]

    def find(self, started: psutil.Process) -> psutil.Process | None:
        """The one child of the one that made the namespace."""
        return next(iter(started.children()), None)


@cache
def namespaces_can_be_made() -> bool:
    """Whether this machine lets its users make one."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*UNSHARE, "true"], capture_output=True).returncode == 0


def require_namespaces() -> None:
    """Skip where a process cannot become the first of a namespace."""
    if not namespaces_can_be_made():
        pytest.skip("unshare cannot make a namespace of processes here")


def _handles(process: psutil.Process | None, number: signal.Signals) -> bool:
    if process is None:
        return False
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = re.search(r"SigCgt:\s*(\w+)", status)
        return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)
    return False


@contextlib.contextmanager
def starting(
    *arguments: str | Path, kind: type[Starting] = Starting, **environment: str
) -> Iterator[Starting]:
    """A service that is killed if it does not end."""
    service = kind(*map(str, arguments), **environment)
    try:
        yield service
    finally:
        service.send(signal.SIGKILL)
        service.end()
        service.clients.close()


@contextlib.contextmanager
def ready(
    *arguments: str | Path, kind: type[Starting] = Starting, **environment: str
) -> Iterator[Starting]:
    """A service that has got as far as serving."""
    with starting(*arguments, kind=kind, **environment) as service:
        service.until_said("ready on ")
        yield service


def altered(change: str) -> type[Starting]:
    """The real command, after some lines of Python that change something in it."""
    run = "from service.cli.main import main\nmain()\n"

    class Altered(Starting):
        command = [sys.executable, "-c", f"{change}\n{run}"]

    return Altered


def read_to_the_end(connection: socket.socket) -> bytes:
    """All that comes until it closes."""
    pieces = []
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def publish_wide(store: Store) -> None:
    """A model that answers a full batch with more than sockets buffer."""
    weights = Dense(toys.WIDTH, MUCH // 4 // 1024, 2).weights()
    store.publish("wide", weights, origin=toys.ORIGIN)


def ask_for_much(service: Starting) -> socket.socket:
    """A client that has asked a model `wide` for `MUCH` bytes, and has read one of them."""
    tensor = {"name": "input", "shape": [1024, toys.WIDTH], "datatype": "FP32"}
    rows = bytes(4 * 1024 * toys.WIDTH)
    parameters = {"binary_data_output": True}
    inputs = [tensor | {"parameters": {"binary_data_size": len(rows)}}]
    header = json.dumps({"inputs": inputs, "parameters": parameters}).encode()
    head = (
        "POST /v2/models/wide/infer HTTP/1.1\r\nHost: toy\r\n"
        f"Inference-Header-Content-Length: {len(header)}\r\n"
        f"Content-Length: {len(header) + len(rows)}\r\n\r\n"
    )
    client = service.connect(head.encode() + header + rows, buffer_bytes=4096)
    assert client.recv(1) == b"H"  # it is being answered
    return client
