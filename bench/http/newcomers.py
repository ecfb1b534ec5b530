"""
Clients that come anew: each opens a connection, asks once, and goes.

Covered:      a steady rate of them; how long each waits from its first packet to its whole answer.
Not covered:  what is in the answers, beyond that they say 200.
"""

import asyncio
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

LIMIT_S = 10.0
"""After which a client has gone: what most of them would wait at most."""


def get(url: str) -> bytes:
    """Write the request of a client that asks for a page, and says that it goes."""
    place = urlsplit(url)
    return (
        f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: close\r\n\r\n".encode()
    )


def post(url: str, content: bytes, headers: dict[str, str]) -> bytes:
    """Write the request of a client that posts, and says that it goes."""
    place = urlsplit(url)
    lines = [f"POST {place.path} HTTP/1.1", f"Host: {place.netloc}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([*lines, f"Content-Length: {len(content)}", "", ""])
    return head.encode() + content


def ask(url: str, requests: Sequence[bytes], rate: int, duration_s: float) -> list[float | None]:
    """
    Send requests, each on a connection of its own, in turn.

    Args:
        url: Has the host and port.
        requests: Their bytes.
        rate: Connections a second.
        duration_s: Seconds until the last one.

    Returns:
        Seconds of each until its answer was whole; None where it got none in time, or an error.
    """
    place = urlsplit(url)
    return asyncio.run(
        _ask_all(str(place.hostname), int(place.port or 80), requests, rate, duration_s)
    )


async def _ask_all(
    host: str, port: int, requests: Sequence[bytes], rate: int, duration_s: float
) -> list[float | None]:
    begun_s = time.monotonic()
    asking = []
    for number in range(int(rate * duration_s)):
        await asyncio.sleep(begun_s + number / rate - time.monotonic())
        request = requests[number % len(requests)]
        asking.append(asyncio.create_task(_ask_one(host, port, request)))
    return await asyncio.gather(*asking)


async def _ask_one(host: str, port: int, request: bytes) -> float | None:
    begun_s = time.monotonic()
    try:
        async with asyncio.timeout(LIMIT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(request)
                answer = await reader.read()
            finally:
                writer.transport.abort()
    except OSError:  # a timeout is one
        return None
    return time.monotonic() - begun_s if answer.startswith(b"HTTP/1.1 200 ") else None
