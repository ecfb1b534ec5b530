"""
`python -m bench.gpu.serving.load URL FILE CONNECTIONS SECONDS`: a load generator, one process.

There is no wrk on a machine with a GPU, and torch is not imported: it would take seconds. Each
connection posts one request after the other, from bytes made before; the line on standard output is
JSON: every duration, and how many failed.

Covered:      requests kept alive over plain sockets, on uvloop; status and length of each answer.
Not covered:  what is in an answer (`checks`).
"""

import asyncio
import json
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

WARM_S = 0.3
"""Of each connection, before anything counts."""
LENGTH = struct.Struct("!Q")
"""Of a request, before it in the file."""
_TIMEOUT_S = 20.0


def _read_requests(file: Path) -> list[bytes]:
    raw, requests, start = file.read_bytes(), list[bytes](), 0
    while start < len(raw):
        (length,) = LENGTH.unpack_from(raw, start)
        start += LENGTH.size + length
        requests.append(raw[start - length : start])
    return requests


class Client:
    """
    One connection.

    Args:
        requests: Posted in turn.
        first: Which of them comes first.
    """

    def __init__(self, requests: Sequence[bytes], first: int):
        self._requests, self._next = requests, first
        self.us: list[int] = []
        self.errors = 0

    async def run(self, host: str, port: int, begin_s: float, end_s: float) -> None:
        """Post until the time is up; what ends before `begin_s` does not count."""
        try:
            reader, writer = await asyncio.open_connection(host, port, limit=2**22)
            while (started_s := time.perf_counter()) < end_s:
                async with asyncio.timeout(_TIMEOUT_S):
                    good = await self._post(reader, writer)
                if started_s >= begin_s:
                    self.us.append(round(1e6 * (time.perf_counter() - started_s)))
                self.errors += not good
            writer.close()
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            self.errors += 1  # and no more posts: the figures of a broken client say nothing

    async def _post(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(self._requests[self._next % len(self._requests)])
        self._next += 1
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        return head.startswith(b"http/1.1 200")


async def load(url: str, file: Path, connections: int, seconds: float) -> dict[str, Any]:
    """Load a URL; returns durations in microseconds, errors, and the seconds that counted."""
    place, requests = urlsplit(url), _read_requests(file)
    assert place.hostname is not None
    assert place.port is not None
    begin_s = time.perf_counter() + WARM_S
    clients = [Client(requests, k) for k in range(connections)]
    runs = (c.run(place.hostname, place.port, begin_s, begin_s + seconds) for c in clients)
    await asyncio.gather(*runs)
    return {
        "us": [us for client in clients for us in client.us],
        "errors": sum(client.errors for client in clients),
        "seconds": time.perf_counter() - begin_s,
    }


if __name__ == "__main__":
    _url, _file, _connections, _seconds = sys.argv[1:]
    print(json.dumps(uvloop.run(load(_url, Path(_file), int(_connections), float(_seconds)))))
