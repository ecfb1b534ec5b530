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
from service.engine.prediction import Prediction
from service.engine.served_model import ServedModel
from service.http.compression import inflate
from service.http.responses import Reply, error_reply, make_reply
from service.job import Answer
from service.metrics.outcomes import PredictionOutcomes
from service.protocol.answer_headers import RawHeaders, answer_headers
from service.protocol.infer_request import parse_infer
from service.protocol.open_inference import InferRequest, Rendered, infer_response
from service.protocol.plain_json import parse_plain, render_plain
from service.tracing.timeline import Timelines

Parse = Callable[[bytes, bytes, ServedModel], InferRequest]
Render = Callable[[ServedModel, InferRequest, Answer], Rendered]


class Target(NamedTuple):
    """A prediction path: the model and version asked for, and the form of its bodies."""

    name: str
    version: str | None
    parse: Parse
    render: Render


class Predictions:
    """
    Begins predictions with one engine.

    Args:
        engine: Computes the rows.
        timelines: Begins one for every request; None where nobody traces.

    Attributes:
        max_bytes: Most bytes of a body, as it comes and inflated.
    """

    def __init__(self, engine: Engine, timelines: Timelines | None = None):
        self._engine, self._timelines = engine, timelines
        self._outcomes = PredictionOutcomes(engine.metrics)
        self.max_bytes = engine.settings.max_body_bytes
        self._root_path = engine.settings.root_path

    def target_of(self, path: str) -> Target | None:
        """Recognise a prediction path, below the setting `root_path` or not."""
        return target_of(path.removeprefix(self._root_path))

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
        read = partial(target.parse, body, self.headers.header_length)
        return self.start(target.name, target.version, read)

    def find_target(self) -> ServedModel:
        """Find the model that the path names; raises as `find`."""
        return self.find(self.target.name, self.target.version)

    def parse_body(self, body: bytes) -> None:
        """
        Read a whole body; may run in a thread (`service.http.body`).

        Raises:
            InvalidInput, TooLarge: Naming what is wrong with it.
        """
        self.parse(partial(self._read, body))

    def reply(self, answer: Answer) -> Reply:
        """Render the answer."""
        rendered = self.render(answer, self.target.render)
        headers = answer_headers(self.model, answer)
        headers.append((request_ids.HEADER, self.request_id))
        reply = make_reply(rendered, self.headers.accept_encoding, headers)
        self.succeed()
        return reply

    def failure(self, error: Exception) -> Reply:
        """Tell the client what went wrong, as far as it may know."""
        reply = error_reply(self.fail(error))
        reply[1].append((request_ids.HEADER, self.request_id))
        return reply

    def _read(self, body: bytes, model: ServedModel) -> InferRequest:
        encoding = self.headers.encoding.decode("latin-1")
        body = inflate(body, encoding, self.max_bytes)
        return self.target.parse(body, self.headers.header_length, model)


class _Headers:
    """Those headers of a request that a prediction needs; empty where not sent."""

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
            return Target(name, None, parse_infer, infer_response)
        case ["", "v1", "models", name, "predict"]:
            return Target(name, None, parse_plain, render_plain)
        case ["", "v2", "models", name, "versions", version, "infer"]:
            return Target(name, version, parse_infer, infer_response)
        case _:
            return None
