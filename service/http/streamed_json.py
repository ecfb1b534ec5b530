"""
Answers that may be long: sent in pieces, between which the event loop turns.

Covered:      one write for what is short, compression in a thread where the client takes it.
Not covered:  how the pieces are written (`service.protocol.json_pieces`).
"""

import asyncio
from collections.abc import Mapping
from functools import partial

from fastapi import Response
from starlette.types import Receive, Scope, Send

from service.engine.offload import Offload
from service.http.compression import accepted, deflated
from service.http.responses import encoded_headers
from service.protocol.answer_headers import RawHeaders
from service.protocol.json_pieces import Pieces

WHOLE_BYTES = 128 * 1024
"""Up to so many are sent at once: copying and writing them takes 0.05 ms."""


class PiecewiseResponse(Response):
    """200 and JSON, between whose pieces the event loop turns."""

    def __init__(self, pieces: Pieces, headers: Mapping[str, str]):
        length = {"content-length": str(sum(map(len, pieces)))}
        super().__init__(headers={**headers, **length}, media_type="application/json")
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, as ASGI has it."""
        await send_pieces(send, self.status_code, self.raw_headers, self._pieces)


async def send_pieces(send: Send, status: int, headers: RawHeaders, pieces: Pieces) -> None:
    """Answer over ASGI; whoever serves it waits for the client between two pieces."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})


async def long_response(
    offload: Offload, pieces: Pieces, accept_encoding: str, headers: Mapping[str, str]
) -> Response:
    """
    Answer with 200 and JSON.

    Args:
        offload: Has the thread that compresses them.
        pieces: Of one JSON text, in their order.
        accept_encoding: The header as the client sent it.
        headers: Of the answer, beside those of its body.
    """
    size = sum(map(len, pieces))
    encoding = accepted(accept_encoding, size) if accept_encoding else None
    if encoding is not None:
        pieces = await offload.run(partial(deflated, pieces, encoding))
        named = {name.decode(): value.decode() for name, value in encoded_headers(encoding)}
        headers = {**headers, **named}
        size = sum(map(len, pieces))
    return PiecewiseResponse([b"".join(pieces)] if size <= WHOLE_BYTES else pieces, headers)
