"""
What a prediction is answered with: status, headers and body, ready for the wire.

Covered:      facts about the answer, compression where the client takes it, errors as JSON.
Not covered:  the tensors (`inference_protocol`, `plain_json`).
"""

import orjson

from service.engine.served_model import ServedModel
from service.errors import STATUS, ComputeFailed, ServiceError
from service.http.compression import WORTHWHILE_BYTES, accepted, deflate
from service.http.disconnect import INTERNAL_ERROR
from service.job import Answer
from service.protocol.open_inference import Rendered

RawHeaders = list[tuple[bytes, bytes]]
Reply = tuple[int, RawHeaders, bytes]


def facts_of(model: ServedModel, answer: Answer) -> RawHeaders:
    """Where the time went, in milliseconds, and which version answered."""
    queue_ms, compute_ms = answer.queue_s * 1e3, answer.compute_s * 1e3
    timing = b"queue;dur=%.3f, compute;dur=%.3f" % (queue_ms, compute_ms)
    return [(b"server-timing", timing), (b"x-model-version", b"%d" % model.facts.version)]


def encoded(rendered: Rendered, accept: bytes, headers: RawHeaders) -> tuple[RawHeaders, bytes]:
    body = rendered.body
    if rendered.header_length is None:
        headers.append((b"content-type", b"application/json"))
    else:
        headers.append((b"content-type", b"application/octet-stream"))
        headers.append((b"inference-header-content-length", b"%d" % rendered.header_length))
    encoding = (
        accepted(accept.decode("latin-1")) if accept and len(body) >= WORTHWHILE_BYTES else None
    )
    if encoding:
        body = deflate(body, encoding)
        headers.append((b"content-encoding", encoding.encode()))
    headers.append((b"content-length", b"%d" % len(body)))
    return headers, body


def error_reply(error: ServiceError) -> Reply:
    status, headers, body = _json(STATUS[type(error)], {"error": str(error)})
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after_s))
    return status, headers, body


def bug_reply() -> Reply:
    """Say that it was our fault, and nothing more; the log says what."""
    return _json(STATUS[ComputeFailed], {"error": INTERNAL_ERROR})


def _json(status: int, content: dict[str, str]) -> Reply:
    body = orjson.dumps(content)
    length = b"%d" % len(body)
    return status, [(b"content-type", b"application/json"), (b"content-length", length)], body
