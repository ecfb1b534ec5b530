"""One connection in this process: a protocol of uvicorn's, on a transport that only records."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import uvicorn
from prometheus_client import CollectorRegistry
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from service.metrics.closed_connections import ClosedConnections
from tests.service.grpc.toys import until


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
        self.state = ServerState()
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


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def exchange(kind: type[HttpToolsProtocol], app: Any, pieces: Iterable[bytes]) -> bytes:
    """What a client that sends these pieces is sent, and whether the connection is then closed."""
    connection = Connection(kind, app)
    await connection.send(pieces)
    sent = await connection.answers()
    closed = connection.over
    await connection.leave()
    return sent + (b"<closed>" if closed else b"<kept>")


ANSWERS: dict[str, tuple[int, list[tuple[bytes, bytes]], list[bytes]]] = {
    "echo": (200, [], []),
    "early": (200, [(b"content-length", b"2")], [b"ok"]),
    "empty": (200, [(b"content-length", b"0")], [b""]),
    "nothing": (200, [], [b""]),
    "204": (204, [], [b""]),
    "304": (304, [(b"etag", b"x")], [b""]),
    "streamed": (200, [], [b"one", b"", b"two", b"three"]),
    "long": (200, [(b"content-length", b"9")], [b"one", b"two", b"end"]),
    "close": (200, [(b"connection", b"close"), (b"content-length", b"1")], [b"x"]),
    "newlines": (200, [(b"content-length", b"8")], [b"\r\n\r\n", b"\r\n\r\n"]),
}
"""By the last part of the path; `echo` answers with the request's body."""


class SmallApp:
    """An ASGI application with an answer of each kind, by the last part of the path."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.closed_connections = ClosedConnections(self.registry)
        self.asked: list[tuple[str, bytes]] = []

    def closed(self, reason: str) -> float | None:
        return self.registry.get_sample_value("fff_connections_closed_total", {"reason": reason})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        kind = scope["path"].split("/")[-1]
        body = b"" if kind == "early" else await _read(receive)
        if body is None:
            return
        self.asked.append((scope["path"], body))
        status, headers, pieces = ANSWERS[kind]
        if kind == "echo":
            headers, pieces = [(b"content-length", b"%d" % len(body))], [body]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await turns(3 if kind in ("streamed", "long") else 0)
        for k, piece in enumerate(pieces):
            more = k + 1 < len(pieces)
            await send({"type": "http.response.body", "body": piece, "more_body": more})
            await turns(1 if kind in ("streamed", "long") else 0)


async def _read(receive: Any) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message["body"]
        if not message["more_body"]:
            return bytes(body)
