"""An ASGI application with an answer of each kind."""

import asyncio
from typing import Any

from prometheus_client import CollectorRegistry

from service.metrics.closed_connections import ClosedConnections

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
        self.predictions = self
        self.closed_connections = ClosedConnections(self.registry)
        self.asked: list[tuple[str, bytes]] = []

    def target_of(self, path: str) -> None:
        """No path is a prediction's."""

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


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
