"""What every answer has in common: JSON by orjson, errors in one form, clients that may leave."""

import asyncio
from collections.abc import Mapping
from typing import TypeVar

import orjson
from fastapi import Response
from starlette.types import Receive

from service.errors import STATUS, Disconnected, KeyRequired, ServiceError

T = TypeVar("T")
INTERNAL_ERROR = "internal error; the service's log says more"


def json_response(
    content: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """JSON by orjson, which writes numpy arrays without a Python object a number."""
    body = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(body, status, headers, media_type="application/json")


def error_response(error: ServiceError) -> Response:
    """`{"error": …}` with the status of `service.errors`, and Retry-After where it helps."""
    headers = {}
    if isinstance(error, KeyRequired):
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    return json_response({"error": str(error)}, STATUS[type(error)], headers)


async def while_connected(receive: Receive, work: "asyncio.Future[T]") -> T:
    """
    Wait for work, but not longer than the client does.

    The body must have been read: after it, the only message left is the disconnect.

    Raises:
        Disconnected: If the client left first; the work is cancelled.
    """
    left = asyncio.ensure_future(_receive(receive))
    left.add_done_callback(lambda _: work.cancel())
    try:
        return await work
    except asyncio.CancelledError:
        if left.done():
            raise Disconnected("the client left while its rows were queued") from None
        raise
    finally:
        left.cancel()


async def _receive(receive: Receive) -> None:
    await receive()
