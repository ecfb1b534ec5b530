"""
A prediction over HTTP: from a request's headers and body, and to its reply.

Covered:      both forms, JSON and bytes; errors; headers.
Not covered:  the prediction itself (`service.engine.prediction`); how bytes come and go
              (`fast_path` for plain requests, `asgi_path` for the others).

Measured: docs/decisions/0006-in-the-loop.md, docs/decisions/0010-request-path.md.
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple

from service import request_id as request_ids
from service.engine.engine import Engine
from service.engine.offload import IN_LOOP_BYTES, IN_LOOP_SLOW_BYTES
from service.engine.prediction import Prediction
from service.engine.served_model import ServedModel
from service.errors import ServiceError
from service.http.body import Bodies
from service.http.compression import inflate
from service.http.responses import error_reply, make_reply
from service.job import Answer
from service.metrics.outcomes import PredictionOutcomes
from service.protocol.answer_headers import RawHeaders, Reply, answer_headers
from service.protocol.infer_request import parse_infer
from service.protocol.open_inference import (
    InferRequest,
    Rendered,
    answer_bytes,
    infer_pieces,
    infer_response,
)
from service.protocol.plain_json import parse_plain, plain_bytes, plain_pieces, render_plain
from service.tracing.timeline import Timelines

Render = Callable[[ServedModel, InferRequest, Answer], Rendered]


class Form(NamedTuple):
    """
    How the bodies of a path are read and written.

    Attributes:
        parse: Reads a request, from its body and its Inference-Header-Content-Length.
        render: Writes an answer.
        render_long: Writes the same in pieces, in a thread.
        size: Says roughly how many bytes it is.
    """

    parse: Callable[[bytes, bytes, ServedModel], InferRequest]
    render: Render
    render_long: Render
    size: Callable[[InferRequest, Answer], int]


PLAIN = Form(parse_plain, render_plain, plain_pieces, plain_bytes)
PROTOCOL = Form(parse_infer, infer_response, infer_pieces, answer_bytes)


class Target(NamedTuple):
    """A prediction path: the model and version asked for, and the form of its bodies."""

    name: str
    version: str | None
    form: Form


class Predictions:
    """
    Begins predictions with one engine.

    Args:
        engine: Computes the rows.
        bodies: Reads what does not come whole.
        timelines: Begins one for every request; None where nobody traces.

    Attributes:
        bodies: As given.
        max_bytes: Most bytes of a body, as it comes and inflated.
    """

    def __init__(self, engine: Engine, bodies: Bodies, timelines: Timelines | None = None):
        self._engine, self._timelines = engine, timelines
        self._outcomes = PredictionOutcomes(engine.metrics)
        self.bodies, self.max_bytes = bodies, bodies.max_bytes
        self._root_path = engine.settings.root_path

    def target_of(self, path: str) -> Target | None:
        """Recognise a prediction path, below the setting `root_path` or not."""
        if self._root_path:
            path = path.removeprefix(self._root_path)
        return target_of(path)

    def begin(self, target: Target, path: str, headers: RawHeaders) -> "HttpPrediction":
        """Begin a prediction; its request has got as far as its headers."""
        read = _Headers(headers)
        request_id = request_ids.begin(read.request_id)
        timeline = None
        if self._timelines is not None:
            timeline = self._timelines.http(path, headers, request_id)
        prediction = HttpPrediction(self._engine, self._outcomes, timeline)
        prediction.target, prediction.headers = target, read
        prediction.max_bytes = self.max_bytes
        return prediction

    async def parse_aside(self, prediction: "HttpPrediction", body: bytes) -> None:
        """Read a whole body in a thread; raises as `parse_body`."""
        with self.bodies.room.hold() as held:
            held.take(len(body))
            await self._engine.offload.run(partial(prediction.parse_body, body))

    async def long_reply(self, prediction: "HttpPrediction", answer: Answer) -> Reply:
        """Render a long answer in a thread."""
        reply = await self._engine.offload.run(partial(prediction.rendered, answer, True))
        prediction.succeed()
        return reply


class HttpPrediction(Prediction[InferRequest]):
    """
    A prediction that is read from HTTP and written to it.

    Attributes:
        target: What its path names.
        headers: Those of the request that it needs.
        max_bytes: Most bytes of its body, inflated.
    """

    __slots__ = ("headers", "max_bytes", "target")
    target: Target
    headers: "_Headers"
    max_bytes: int

    def start_with(self, body: bytes) -> "asyncio.Future[Answer]":
        """Have the rows of a whole, uncompressed body computed; raises as `start`."""
        target = self.target
        read = partial(target.form.parse, body, self.headers.header_length)
        return self.start(target.name, target.version, read)

    def find_target(self) -> ServedModel:
        """Find the model that the path names; raises as `find`."""
        return self.find(self.target.name, self.target.version)

    def parse_body(self, body: bytes) -> None:
        """
        Read a whole body; may run in a thread (`service.http.body`).

        Raises:
            InvalidInput, TooLarge: Naming what is wrong with it.
            HoldsLoop: In the event loop, where reading it would take long.
        """
        self.parse(partial(self._read, body))

    def reply(self, answer: Answer) -> Reply:
        """Render an answer that is not long."""
        reply = self.rendered(answer, False)
        self.succeed()
        return reply

    def is_long(self, answer: Answer) -> bool:
        """Whether rendering it would hold the event loop."""
        if answer.logits.size <= _SURELY_SHORT:
            return False
        size = self.target.form.size(self._request, answer)
        return size > (IN_LOOP_SLOW_BYTES if self.headers.accept_encoding else IN_LOOP_BYTES)

    def rendered(self, answer: Answer, long: bool) -> Reply:
        """Render an answer; may run in a thread."""
        form = self.target.form
        rendered = self.render(answer, form.render_long if long else form.render)
        headers = answer_headers(self.model, answer)
        headers.append((request_ids.HEADER, self.request_id))
        return make_reply(rendered, self.headers.accept_encoding, headers)

    def failure(self, error: Exception) -> Reply:
        """Tell the client what went wrong, as far as it may know."""
        reply = error_reply(self.fail(error))
        reply[1].append((request_ids.HEADER, self.request_id))
        return reply

    def failure_amid_body(self, error: ServiceError) -> Reply:
        """Fail before the body is whole; counted for the model, if that is served."""
        try:
            self.find_target()
        except ServiceError as exc:  # which a body that comes by ASGI meets first
            return self.failure(exc)
        return self.failure(error)

    def _read(self, body: bytes, model: ServedModel) -> InferRequest:
        encoding = self.headers.encoding.decode("latin-1")
        body = inflate(body, encoding, self.max_bytes)
        return self.target.form.parse(body, self.headers.header_length, model)


class _Headers:
    """Those headers of a request that a prediction needs; empty where not sent."""

    __slots__ = ("accept_encoding", "content_length", "encoding", "header_length", "request_id")

    def __init__(self, headers: RawHeaders):
        self.content_length = self.encoding = self.accept_encoding = b""
        self.header_length = self.request_id = b""
        for name, value in headers:
            if name in _FIELD:
                field = _FIELD[name]
                if name in _LISTS and (before := getattr(self, field)):
                    value = before + b"," + value  # several headers are one list
                setattr(self, field, value)


_FIELD = {
    b"content-length": "content_length",
    b"content-encoding": "encoding",
    b"accept-encoding": "accept_encoding",
    b"inference-header-content-length": "header_length",
    request_ids.HEADER: "request_id",
}
_LISTS = {b"content-encoding", b"accept-encoding"}
_SURELY_SHORT = IN_LOOP_SLOW_BYTES // 64
"""Logits of an answer that is short however it is asked for: 16 bytes each, a few times."""


_REMEMBERED_CHARACTERS = 256
"""Of a path, at most; 1,024 of them take 1 MB, if every character takes four bytes."""


def target_of(path: str) -> Target | None:
    """Recognise a prediction path."""
    return _target_of(path) if len(path) <= _REMEMBERED_CHARACTERS else _recognise(path)


@lru_cache(maxsize=1024)
def _target_of(path: str) -> Target | None:
    return _recognise(path)


def _recognise(path: str) -> Target | None:
    match path.split("/"):
        case ["", "v2", "models", name, "infer"]:
            return Target(name, None, PROTOCOL)
        case ["", "v1", "models", name, "predict"]:
            return Target(name, None, PLAIN)
        case ["", "v2", "models", name, "versions", version, "infer"]:
            return Target(name, version, PROTOCOL)
        case _:
            return None
