"""What a gRPC call ends with: the status of an error, and metadata that says more."""

from typing import Any

import grpc

from service.engine.served_model import ServedModel
from service.errors import ServiceError, status_of
from service.job import Answer
from service.protocol.answer_headers import answer_headers
from service.request_id import HEADER, current

MAX_TEXT_BYTES = 1000
"""
Of an error's text in UTF-8. It travels as a header, where a byte that is not ASCII takes three;
clients take 8 KiB of headers in all, and end the call with another status where there are more.
"""

Metadata = tuple[tuple[str, str], ...]


async def end_with(context: Any, error: ServiceError) -> None:
    """
    End a call with an error.

    Args:
        context: The call's; grpc raises from it, for the handler to go no further.
        error: Gives the status code, the text and when to try again.
    """
    metadata = request_id()
    if error.retry_after_s is not None:
        metadata += (
            ("retry-after", str(error.retry_after_s)),
            # What grpc's own clients heed when they are set up to retry (gRFC A6).
            ("grpc-retry-pushback-ms", str(error.retry_after_s * 1000)),
        )
    code = grpc.StatusCode[status_of(error).grpc]
    await context.abort(code, _fitting(str(error)), metadata)


def _fitting(text: str) -> str:
    return text.encode("utf-8", "replace")[:MAX_TEXT_BYTES].decode("utf-8", "ignore")


def request_id() -> Metadata:
    """Of the call in whose context this is."""
    return ((HEADER.decode(), current().decode("ascii")),)


def metadata_of(model: ServedModel, answer: Answer) -> Metadata:
    """What HTTP's headers say of an answer, the request's id among it."""
    headers = answer_headers(model, answer)
    return (*((name.decode(), value.decode()) for name, value in headers), *request_id())
