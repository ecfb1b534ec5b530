"""
A request's body: read within its bound; parsed in the event loop if that is soon done, in a
thread otherwise.

The one place that says how large is too large, for every path that takes rows.

Covered:      the size bound, and where a body is parsed. A parser gets it whole and inflates it.
Not covered:  what it holds (`service.protocol`), the fast path, which reads within its own bound.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from starlette.types import Receive

from service.errors import Disconnected, TooLarge

T = TypeVar("T")

PARSE_IN_LOOP_BYTES = 512 * 1024
"""
Larger bodies, and all that must be inflated, are parsed in a thread. As much JSON holds the loop
for 1.4 ms (Xeon, 2026-11-24), about the budget of a batch; 64 rows of 784 numbers stay below it.
"""


async def read_body(receive: Receive, content_length: bytes, max_bytes: int) -> bytes:
    """
    Read a whole body, but never more than the bound.

    Args:
        receive: The request's, of ASGI.
        content_length: The header's value; empty without one.
        max_bytes: Most bytes that are taken.

    Raises:
        TooLarge: By its Content-Length before anything is read, or when more bytes came.
        Disconnected: If the client left midway.
    """
    if content_length.isdigit() and int(content_length) > max_bytes:
        raise TooLarge(
            f"a body may be at most {max_bytes} bytes, Content-Length is {int(content_length)}"
        )
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected("the client left before its body was complete")
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(chunk)
        if size > max_bytes:
            raise TooLarge(f"a body may be at most {max_bytes} bytes, more came")
        if not more and not chunks:  # most bodies come in one piece
            return chunk
        chunks.append(chunk)
    return b"".join(chunks)


async def parse_body(parse: Callable[[bytes], T], body: bytes, encoding: bytes) -> T:
    """
    Parse a body without holding the event loop for longer than a batch may.

    Args:
        parse: Called with the body as it came; must be safe in a thread.
        body: Whole, as it came.
        encoding: Its Content-Encoding; empty without one.
    """
    if encoding or len(body) > PARSE_IN_LOOP_BYTES:
        return await asyncio.to_thread(parse, body)
    return parse(body)
