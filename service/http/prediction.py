"""
One prediction over HTTP, from its headers to its reply, whatever carries it.

find the model → parse the body → submit its rows → render the answer, timed and counted; an error
at any step becomes the reply.

Covered:      both forms, JSON and bytes; errors; headers; what is counted.
Not covered:  how bytes come and go: `prediction_paths` for ASGI, `direct` for plain requests.

Measured: docs/decisions/0006-in-the-loop.md, docs/decisions/0010-request-path.md.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import orjson

from service import request_id as request_ids
from service.engine.engine import Engine
from service.engine.served_model import ServedModel
from service.errors import InvalidInput, ModelNotServed, ServiceError
from service.http.compression import inflate
from service.http.responses import RawHeaders, Reply, bug_reply, encoded, error_reply, facts_of
from service.job import Answer
from service.protocol.infer_request import parse_infer
from service.protocol.open_inference import InferRequest, Rendered, infer_response
from service.protocol.plain_json import parse_plain, render_plain
from service.tracing.timeline import Trail, Trails

log = logging.getLogger(__name__)

Parse = Callable[[bytes, int | None, ServedModel], InferRequest]
Render = Callable[[ServedModel, InferRequest, Answer], Rendered]


class Target(NamedTuple):
    """A prediction path: the model and version asked for, and the form of its bodies."""

    name: str
    version: str | None
    parse: Parse
    render: Render


class Predictions:
    """
    Opens exchanges with one engine.

    Args:
        engine: Computes.
        trails: Is told of every request; None where nobody wants to know.
    """

    def __init__(self, engine: Engine, trails: Trails | None = None):
        self.engine = engine
        self._trails = trails
        self.max_bytes = engine.settings.max_body_bytes

    def open(self, target: Target, path: str, headers: RawHeaders) -> "Exchange":
        """Begin an exchange; its request has got as far as its headers."""
        read = _Headers(headers)
        request_id = request_ids.begin(read.request_id)
        trail = None
        if self._trails is not None:
            trail = self._trails.http(path, headers, request_id)
        return Exchange(self, target, read, request_id, trail)


class Exchange:
    """
    One request and its reply.

    Its steps in order: `find`, `parse`, `submit`, `reply`, `end`. Whatever one of them raises
    goes to `failure`, which makes the reply instead.
    """

    __slots__ = (
        "_asked",
        "_begun_s",
        "_predictions",
        "_request_id",
        "_target",
        "_trail",
        "headers",
        "model",
    )

    def __init__(
        self,
        predictions: Predictions,
        target: Target,
        headers: "_Headers",
        request_id: bytes,
        trail: Trail | None,
    ):
        self._begun_s = time.perf_counter()
        self._predictions, self._target, self.headers = predictions, target, headers
        self._request_id, self._trail = request_id, trail
        self.model: ServedModel | None = None

    def find(self) -> ServedModel:
        """Find the model asked for; raises as `engine.model`."""
        self.model = self._predictions.engine.model(self._target.name, self._target.version)
        return self.model

    def parse(self, body: bytes) -> None:
        """
        Read the whole body; may run in a thread (`service.http.body`).

        Raises:
            InvalidInput, TooLarge: Naming what is wrong with it.
        """
        model = self.model
        assert model is not None, "parse comes after find. This is a bug."
        if self._trail is not None:
            self._trail.parse(model)
        header_length = _header_length(self.headers.header_length)
        if self.headers.encoding:
            encoding = self.headers.encoding.decode("latin-1")
            body = inflate(body, encoding, self._predictions.max_bytes)
        self._asked = self._target.parse(body, header_length, model)
        if self._trail is not None:
            self._trail.queue(len(self._asked.rows))

    def submit(self) -> "asyncio.Future[Answer]":
        """Have the rows computed; raises as `engine.submit`."""
        assert self.model is not None, "submit comes after find. This is a bug."
        asked = self._asked
        return self._predictions.engine.submit(self.model, asked.rows, asked.deadline_s)

    def reply(self, answer: Answer) -> Reply:
        """Render the answer, and count the request."""
        assert self.model is not None, "reply comes after find. This is a bug."
        if self._trail is not None:
            self._trail.respond(answer)
        rendered = self._target.render(self.model, self._asked, answer)
        facts = facts_of(self.model, answer)
        return self._counted(200, *encoded(rendered, self.headers.accept_encoding, facts))

    def failure(self, error: Exception) -> Reply:
        """Tell the client what went wrong, as far as it may know; and count the request."""
        if not isinstance(error, ServiceError):  # whatever it was, the log says more
            log.error("a request for model %s failed", self._target.name, exc_info=error)
            return self._counted(*bug_reply())
        if self.model is None and isinstance(error, ModelNotServed):
            self._predictions.engine.metrics.not_found()
        elif self.model is not None and error.rejection is not None:
            self.model.metrics.rejected(error.rejection)
        return self._counted(*error_reply(error))

    def end(self, reply: Reply) -> None:
        """The reply has left."""
        if self._trail is not None:
            status, _, body = reply
            self._trail.end(status, orjson.loads(body)["error"] if status >= 400 else "")

    def _counted(self, status: int, headers: RawHeaders, body: bytes) -> Reply:
        if self.model is not None:
            trace_id = 0 if self._trail is None else self._trail.trace_id
            took_s = time.perf_counter() - self._begun_s
            self.model.metrics.answered(status, took_s, self._request_id, trace_id)
        headers.append((request_ids.HEADER, self._request_id))
        return status, headers, body


class _Headers:
    """What a prediction needs to know of a request's headers."""

    __slots__ = ("accept_encoding", "content_length", "encoding", "header_length", "request_id")

    def __init__(self, headers: RawHeaders):
        self.content_length = self.encoding = self.accept_encoding = b""
        self.header_length = self.request_id = b""
        for name, value in headers:
            if name in _FIELD:
                setattr(self, _FIELD[name], value)


_FIELD = {
    b"content-length": "content_length",
    b"content-encoding": "encoding",
    b"accept-encoding": "accept_encoding",
    b"inference-header-content-length": "header_length",
    request_ids.HEADER: "request_id",
}


def _header_length(text: bytes) -> int | None:
    if not text:
        return None
    if not text.isdigit():
        shown = text.decode("latin-1")
        raise InvalidInput(f"Inference-Header-Content-Length must be bytes >= 0, got {shown!r}")
    return int(text)


@lru_cache(maxsize=1024)
def target_of(path: str) -> Target | None:
    """Recognise a prediction path."""
    match path.split("/"):
        case ["", "v2", "models", name, "infer"]:
            return Target(name, None, parse_infer, infer_response)
        case ["", "v1", "models", name, "predict"]:
            return Target(name, None, parse_plain, render_plain)
        case ["", "v2", "models", name, "versions", version, "infer"]:
            return Target(name, version, parse_infer, infer_response)
        case _:
            return None
