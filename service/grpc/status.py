"""What a gRPC call ends with: the status of an error, and metadata that says more."""

from typing import Any

import grpc

from service.engine.served_model import ServedModel
from service.errors import STATUS, ServiceError
from service.job import Answer
from service.request_id import HEADER, current

CODES = {  # by the HTTP status of `service.errors`, the one table of what an error becomes
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    # Not RESOURCE_EXHAUSTED, which clients retry: this request will never fit. (A message beyond
    # the bound in bytes gets that code all the same, from grpc itself, before it is read.)
    413: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    499: grpc.StatusCode.CANCELLED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}

MAX_TEXT = 1000
"""Characters of an error's text: it travels as a header, of which clients take 8 KiB in all."""

Metadata = tuple[tuple[str, str], ...]


async def end_with(context: Any, error: ServiceError) -> None:
    """
    End a call with an error.

    Args:
        context: The call's; grpc raises from it, for the handler to go no further.
        error: Becomes status and text.
    """
    metadata = request_id()
    if error.retry_after_s is not None:
        metadata += (
            ("retry-after", str(error.retry_after_s)),
            # What grpc's own clients heed when they are set up to retry (gRFC A6).
            ("grpc-retry-pushback-ms", str(error.retry_after_s * 1000)),
        )
    await context.abort(CODES[STATUS[type(error)]], str(error)[:MAX_TEXT], metadata)


def request_id() -> Metadata:
    """Of the call in whose context this is."""
    return ((HEADER.decode(), current().decode("ascii")),)


def facts(model: ServedModel, answer: Answer) -> Metadata:
    """
    Where the time went, in milliseconds, which version answered, and the request's id, as HTTP's
    headers say.
    """
    queue_ms, compute_ms = answer.queue_s * 1e3, answer.compute_s * 1e3
    return (
        ("server-timing", f"queue;dur={queue_ms:.3f}, compute;dur={compute_ms:.3f}"),
        ("x-model-version", str(model.facts.version)),
        *request_id(),
    )
