"""
JSON answers that may be long: sent in pieces, between which the event loop turns.

Covered:      one write for what is short, compression in a thread where the client takes it.
Not covered:  how the pieces are written (`service.protocol.json_pieces`).
"""

import asyncio
from collections.abc import Mapping

from fastapi import Response
from starlette.types import Receive, Scope, Send

from service.http.compression import WORTHWHILE_BYTES, accepted, deflated
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
        pieces: Of one JSON text, in their order.
        accept_encoding: The header as the client sent it.
        headers: Of the answer, beside those of its body.
    """
    size = sum(map(len, pieces))
    encoding = accepted(accept_encoding) if size >= WORTHWHILE_BYTES else None
    if encoding is not None:
        pieces = await asyncio.to_thread(deflated, pieces, encoding)
        headers = {**headers, "content-encoding": encoding}
        size = sum(map(len, pieces))
    return PiecewiseResponse([b"".join(pieces)] if size <= WHOLE_BYTES else pieces, headers)
