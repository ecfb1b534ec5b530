"""One connection in this process: a protocol of uvicorn's, on a transport that only records."""

import asyncio
import json
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.connection.connection_state import ConnectionState
from service.http.fast_path import FastPathProtocol
from tests.service import toys
from tests.service.connection.small_app import turns
from tests.service.grpc.toys import until

PREDICT = "/v1/models/toy/predict"
GOOD = json.dumps({"inputs": [[0.5] * toys.WIDTH]}).encode()


class Clock:
    """The running loop, with a time that stands still until it is moved."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._now_s = 0.0
        self._due: dict[int, tuple[float, Callable[[], object]]] = {}

    def time(self) -> float:
        return self._now_s

    def call_later(self, delay_s: float, call: Callable[[], object]) -> "_Handle":
        key = max(self._due, default=0) + 1
        self._due[key] = (self._now_s + delay_s, call)
        return _Handle(lambda: self._due.pop(key, None))

    def move(self, seconds: float) -> None:
        """Let time pass, second by second."""
        for _ in range(int(seconds)):
            self._now_s += 1
            for key, (when_s, call) in list(self._due.items()):
                if when_s <= self._now_s:
                    del self._due[key]
                    call()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)


class _Handle:
    def __init__(self, cancel: Callable[[], object]):
        self.cancel = cancel


class Wire(asyncio.Transport):
    """Takes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()
        self.unsent = 0
        self.closed = self.ended = self.paused = False

    def write(self, data: Any) -> None:
        assert not self.ended, "written after the end"
        if not self.closed:
            self.sent += data

    def write_eof(self) -> None:
        self.ended = True

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Connection:
    """
    A connection to an ASGI application.

    Args:
        kind: The protocol's class.
        app: Answers.
        clock: Instead of the loop's own time.
    """

    def __init__(self, kind: type[HttpToolsProtocol], app: Any, clock: Clock | None = None):
        config = uvicorn.Config(
            app, lifespan="off", ws="none", log_config=None, access_log=False, proxy_headers=False
        )
        self.state = ConnectionState()
        self.wire = Wire()
        self.protocol: Any = kind(config, self.state, {}, clock)  # type: ignore[arg-type]
        self.protocol.connection_made(self.wire)

    @property
    def over(self) -> bool:
        """Whether the client has been told that nothing more will come."""
        return self.wire.closed or self.wire.ended

    @property
    def answered(self) -> bool:
        cycle = self.protocol.cycle
        waiting = getattr(self.protocol, "_held", b"") or self.protocol.pipeline
        return (cycle is None or cycle.response_complete) and not waiting

    async def send(self, pieces: Iterable[bytes]) -> None:
        """Have pieces arrive, each in a turn of the loop of its own."""
        for piece in pieces:
            if self.over:
                break
            self.protocol.data_received(piece)
            await asyncio.sleep(0)

    async def answers(self) -> bytes:
        """Everything written, once every whole request is answered."""
        await until(lambda: self.over or (self.answered and not self.state.tasks))
        await turns(3)  # what is to leave at the end of a turn does
        return bytes(self.wire.sent)

    async def leave(self) -> None:
        self.protocol.connection_lost(None)
        await until(lambda: not self.state.tasks)


async def exchange(kind: type[HttpToolsProtocol], app: Any, pieces: Iterable[bytes]) -> bytes:
    """What a client that sends these pieces is sent, and whether the connection is then closed."""
    connection = Connection(kind, app)
    await connection.send(pieces)
    sent = await connection.answers()
    closed = connection.over
    await connection.leave()
    return sent + (b"<closed>" if closed else b"<kept>")


def request(
    method: str,
    path: str,
    *headers: str,
    body: bytes | None = None,
    chunks: int = 0,
    version: str = "1.1",
) -> bytes:
    """A request; its body with its length, or in so many chunks and a trailer."""
    lines = [f"{method} {path} HTTP/{version}", "Host: toy", *headers]
    if chunks:
        lines.append("Transfer-Encoding: chunked")
        size = max(1, -(-len(body or b"") // chunks))
        parts = [(body or b"")[k : k + size] for k in range(0, len(body or b""), size)]
        written = b"".join(b"%x;a=b\r\n%b\r\n" % (len(part), part) for part in parts)
        body = written + b"0\r\nLast: one\r\n\r\n"
    elif body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


async def asked(app: Any, *pieces: bytes) -> bytes:
    return await exchange(FastPathProtocol, app, pieces)


def said(sent: bytes) -> str:
    """The error of the last answer."""
    head, _, rest = sent.rpartition(b"\r\n\r\n")
    body, _, end = rest.rpartition(b"<")
    assert b"content-length: %d\r\n" % len(body) in head
    assert b"connection: close" in head
    assert end == b"closed>"
    text: str = json.loads(body)["error"]
    return text


def reset(writer: asyncio.StreamWriter) -> None:
    """Leave so that the server is told: a mere close may be a client that still listens."""
    at_once = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    writer.transport.abort()
