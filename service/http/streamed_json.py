"""
JSON answers that may be long: written in pieces and sent in pieces.

A comparison of 1,024 rows of 768 outputs is 17 MB, which orjson writes in 65 ms and holds the
interpreter meanwhile (2-core Xeon VM, busy, 2026-11-25). In pieces of their own, others wait for
one of them.

Covered:      lists in pieces, objects that hold some, compression where the client takes it.
Not covered:  who writes a piece, and where (`comparison`, `explanation`, `aside`).
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
from fastapi import Response
from starlette.types import Receive, Scope, Send

from service.http.compression import WORTHWHILE_BYTES, accepted, deflated

Pieces = list[bytes]
"""JSON text, in its order."""

PIECE_OUTPUTS = 8192
"""Numbers a piece may hold: they take 0.2 ms to write (2-core Xeon VM, 2026-11-25)."""

WHOLE_BYTES = 128 * 1024
"""Up to so many are sent at once: copying and writing them takes 0.05 ms."""


def items(values: "list[Any] | npt.NDArray[np.generic]") -> bytes:
    """Write some items of a list, at least one, each after a comma: for `listed`."""
    written = orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)
    return b"".join((b",", memoryview(written)[1:-1]))


def listed(parts: Iterable[bytes]) -> Pieces:
    """Make a list of parts of its items, each from `items`; copies none but the first."""
    first, *more = parts
    return [b"[", first[1:], *more, b"]"]


def spliced(content: Mapping[str, Any], **more: Pieces) -> Pieces:
    """
    Write an object of which some values are JSON already.

    Args:
        content: The others, at least one.
        more: Those, by their keys.
    """
    pieces = [orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)[:-1]]
    for key, value in more.items():
        pieces += [b',"%b":' % key.encode(), *value]
    return [*pieces, b"}"]


class PiecewiseResponse(Response):
    """200 and JSON, between whose pieces the event loop turns."""

    def __init__(self, pieces: Pieces, headers: Mapping[str, str]):
        length = {"content-length": str(sum(map(len, pieces)))}
        super().__init__(headers={**headers, **length}, media_type="application/json")
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, as ASGI has it."""
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})


async def long_response(
    pieces: Pieces, accept_encoding: str, headers: Mapping[str, str]
) -> Response:
    """
    Answer with 200 and JSON.

    Args:
        pieces: The JSON.
        accept_encoding: What the client takes.
        headers: More of them.
    """
    size = sum(map(len, pieces))
    encoding = accepted(accept_encoding) if size >= WORTHWHILE_BYTES else None
    if encoding is not None:
        pieces = await asyncio.to_thread(deflated, pieces, encoding)
        headers = {**headers, "content-encoding": encoding}
        size = sum(map(len, pieces))
    return PiecewiseResponse([b"".join(pieces)] if size <= WHOLE_BYTES else pieces, headers)
