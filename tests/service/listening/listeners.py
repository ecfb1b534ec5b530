"""The application behind uvicorn on a port of its own, in this loop; and raw clients of it."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import uvicorn

from service.app import Application
from service.listening.listening_server import ListeningServer
from service.listening.probe_protocol import ServiceProtocol
from service.listening.sockets import listen_tcp
from tests.service import toys


@contextlib.asynccontextmanager
async def listening(
    most: int, tls: ssl.SSLContext | None = None, **settings: object
) -> "AsyncIterator[Port]":
    """The application, ready, on a port that takes `most` connections."""
    async with toys.running(**settings) as (app, _):
        assert isinstance(app, Application)
        listeners = listen_tcp("127.0.0.1", 0)
        port = listeners[0].getsockname()[1]
        config = uvicorn.Config(
            app, http=ServiceProtocol, lifespan="off", log_config=None, proxy_headers=False
        )
        config.load()
        config.ssl = tls
        server = ListeningServer(config, listeners, most, app.state.engine.metrics.connections)
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        clients = Port(app, port, server)
        try:
            yield clients
        finally:
            clients.leave()
            await server.shutdown()


class Client:
    """A connection that says only what it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._reader, self._writer = reader, writer

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request, or the rest of one; returns the status and the head of the answer."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await self._reader.readexactly(length)
        return int(head.split()[1]), head.lower()

    async def send(self, data: bytes) -> None:
        """Send something that is not answered."""
        self._writer.write(data)
        await self._writer.drain()

    async def until_closed(self) -> bytes:
        """Wait for the other side to close; returns what it said."""
        with contextlib.suppress(ConnectionResetError):
            return await self._reader.read()
        return b""

    @property
    def open(self) -> bool:
        """Whether nothing has been said of an end so far."""
        return not self._reader.at_eof()

    def leave(self) -> None:
        """Hang up."""
        self._writer.transport.abort()


class Port:
    """A service's port, and its clients, who leave at the end."""

    def __init__(self, app: Application, number: int, server: ListeningServer):
        self.app, self.number, self.server = app, number, server
        self._clients: list[Client] = []

    async def connect(self, tls: ssl.SSLContext | None = None) -> Client:
        """Open a connection; returns when the system has it, whoever has accepted it."""
        opened = await asyncio.open_connection("127.0.0.1", self.number, ssl=tls)
        self._clients.append(Client(*opened))
        return self._clients[-1]

    async def accepted(self) -> Client:
        """Open a connection; returns when it has been accepted."""
        before, client = self.open, await self.connect()
        while self.open == before:
            await asyncio.sleep(0)
        return client

    @property
    def open(self) -> float:
        """How many connections are open, as the metrics say."""
        return self._value("fff_open_connections", {})

    def shed(self, reason: str) -> float:
        """How many connections were closed at the limit."""
        return self._value("fff_connections_shed_total", {"reason": reason})

    def leave(self) -> None:
        """Let all clients hang up."""
        for client in self._clients:
            client.leave()

    def _value(self, name: str, labels: dict[str, str]) -> float:
        value = self.app.state.engine.metrics.registry.get_sample_value(name, labels)
        assert value is not None
        return float(value)


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: toy\r\n\r\n".encode()


def post(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: toy\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
