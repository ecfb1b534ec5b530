"""
What a request is answered with: status, headers and body, ready for the wire.

Covered:      compression where the client takes it, errors in their one form.
Not covered:  the tensors (`service.protocol`), how a long answer is sent (`streamed_json`).
"""

from collections.abc import Mapping

import orjson
from fastapi import Response

from service.errors import KeyRequired, ServiceError, status_of
from service.http.compression import accepted, deflate, deflated
from service.protocol.answer_headers import RawHeaders, Reply
from service.protocol.open_inference import Rendered


def make_reply(rendered: Rendered, accept: bytes, headers: RawHeaders) -> Reply:
    """
    Make a reply of a prediction's answer; in a thread where it is long.

    Args:
        rendered: The answer's body.
        accept: The encodings the client takes, as it sent them.
        headers: Of the answer; those of the body are added to it.
    """
    body = rendered.body
    if rendered.header_length is None:
        headers.append((b"content-type", b"application/json"))
    else:
        headers.append((b"content-type", b"application/octet-stream"))
        headers.append((b"inference-header-content-length", b"%d" % rendered.header_length))
    size = len(body) if isinstance(body, bytes) else sum(map(len, body))
    encoding = accepted(accept.decode("latin-1"), size) if accept else None
    if encoding:
        headers += encoded_headers(encoding)
        if isinstance(body, bytes):
            body = deflate(body, encoding)
            size = len(body)
        else:
            body = deflated(body, encoding)
            size = sum(map(len, body))
    headers.append((b"content-length", b"%d" % size))
    return 200, headers, body


def encoded_headers(encoding: str) -> RawHeaders:
    """Say how an answer is encoded, and that it would not be for everybody."""
    return [(b"content-encoding", encoding.encode()), (b"vary", b"Accept-Encoding")]


def error_reply(error: ServiceError) -> Reply:
    """Render an error: the one place that does, whatever path it came by."""
    body = orjson.dumps({"error": str(error)})
    length = b"%d" % len(body)
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    if isinstance(error, KeyRequired):
        headers.append((b"www-authenticate", b"Bearer"))
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after_s))
    return status_of(error).http, headers, body


def error_response(error: ServiceError) -> Response:
    """Make FastAPI's response of an error."""
    status, headers, body = error_reply(error)
    return Response(body, status, {name.decode(): value.decode() for name, value in headers})


def json_response(
    content: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """JSON by orjson, which writes numpy arrays without a Python object a number."""
    body = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(body, status, headers, media_type="application/json")
