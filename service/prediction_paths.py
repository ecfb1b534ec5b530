"""
The short way of a prediction: from ASGI to the engine and back, past FastAPI's routing.

read the body → parse → submit → render, timed and counted; an error at any step becomes the
answer. A client that leaves meanwhile has its rows dropped from the queue. FastAPI resolves and
documents every path of the application; for a row that computes in microseconds that costs more
than everything else together, so POSTs to prediction paths are recognised in front of it.

Measured: docs/decisions/0006-in-the-loop.md, docs/decisions/0010-request-path.md.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import NamedTuple

import orjson
from starlette.types import Receive, Scope, Send

from service import request_id as request_ids
from service.answering import INTERNAL_ERROR, while_connected
from service.compression import WORTHWHILE_BYTES, accepted, deflate, inflate
from service.engine import Engine
from service.errors import STATUS, ComputeFailed, InvalidInput, ModelNotServed, ServiceError
from service.infer_parsing import parse_infer
from service.inference_protocol import InferRequest, Rendered, infer_response
from service.job import Answer
from service.plain_json import parse_plain, render_plain
from service.request_body import read_body
from service.served_model import ServedModel
from service.trail import Trail, Trails

log = logging.getLogger(__name__)

PARSE_IN_LOOP_BYTES = 512 * 1024
"""
Larger bodies, and all that must be inflated, are parsed in a thread. As much JSON holds the loop
for 1.4 ms (Xeon, 2026-11-24), about the budget of a batch; 64 rows of 784 numbers stay below it.
"""

Parse = Callable[[bytes, int | None, ServedModel], InferRequest]
Render = Callable[[ServedModel, InferRequest, Answer], Rendered]
RawHeaders = list[tuple[bytes, bytes]]
Reply = tuple[int, RawHeaders, bytes]


class Target(NamedTuple):
    """A prediction path: the model and version asked for, and the form of its bodies."""

    name: str
    version: str | None
    parse: Parse
    render: Render


class PredictionPaths:
    """
    Answers predictions.

    Args:
        engine: Computes.
        trails: Is told of every request; None where nobody wants to know.
    """

    def __init__(self, engine: Engine, trails: Trails | None = None):
        self._engine = engine
        self._trails = trails
        self._max_bytes = engine.settings.max_body_bytes

    async def answer(self, target: Target, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        begun_s = time.perf_counter()
        headers = _Headers(scope)
        request_id = request_ids.begin(headers.request_id)
        trail = None
        if self._trails is not None:
            trail = self._trails.http(scope["path"], scope["headers"], request_id)
        try:
            model = self._engine.model(target.name, target.version)
        except ServiceError as error:
            if isinstance(error, ModelNotServed):
                self._engine.metrics.not_found()
            await _reply(send, request_id, trail, _error(error))
            return
        try:
            reply = await self._predict(model, target, headers, receive, trail)
        except ServiceError as error:
            reply = _error(error)
            if error.rejection is not None:
                model.metrics.rejected(error.rejection)
        except Exception:  # whatever it was, the client is answered and the log says more
            log.exception("a request for model %s failed", target.name)
            reply = _json(STATUS[ComputeFailed], {"error": INTERNAL_ERROR})
        trace_id = 0 if trail is None else trail.trace_id
        model.metrics.answered(reply[0], time.perf_counter() - begun_s, request_id, trace_id)
        await _reply(send, request_id, trail, reply)

    async def _predict(
        self,
        model: ServedModel,
        target: Target,
        headers: "_Headers",
        receive: Receive,
        trail: Trail | None,
    ) -> Reply:
        body = await read_body(receive, headers.content_length, self._max_bytes)
        if trail is not None:
            trail.parse(model)
        header_length = _header_length(headers.header_length)
        if headers.encoding or len(body) > PARSE_IN_LOOP_BYTES:

            def parse() -> InferRequest:
                plain = inflate(body, headers.encoding.decode("latin-1"), self._max_bytes)
                return target.parse(plain, header_length, model)

            asked = await asyncio.to_thread(parse)
        else:
            asked = target.parse(body, header_length, model)
        if trail is not None:
            trail.queue(len(asked.rows))
        computing = self._engine.submit(model, asked.rows, asked.deadline_s)
        # Rows that are computed in this turn of the loop are not worth a watch on the client.
        prompt = model.worker.prompt
        answer = await (computing if prompt else while_connected(receive, computing))
        if trail is not None:
            trail.respond(answer)
        rendered = target.render(model, asked, answer)
        return 200, *_encoded(rendered, headers.accept_encoding, facts_of(model, answer))


class _Headers:
    """What a prediction needs to know of a request's headers."""

    __slots__ = ("accept_encoding", "content_length", "encoding", "header_length", "request_id")

    def __init__(self, scope: Scope):
        self.content_length = self.encoding = self.accept_encoding = b""
        self.header_length = self.request_id = b""
        for name, value in scope["headers"]:
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


def facts_of(model: ServedModel, answer: Answer) -> RawHeaders:
    """Where the time went, in milliseconds, and which version answered."""
    queue_ms, compute_ms = answer.queue_s * 1e3, answer.compute_s * 1e3
    timing = b"queue;dur=%.3f, compute;dur=%.3f" % (queue_ms, compute_ms)
    return [(b"server-timing", timing), (b"x-model-version", b"%d" % model.facts.version)]


def _encoded(rendered: Rendered, accept: bytes, headers: RawHeaders) -> tuple[RawHeaders, bytes]:
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


def _error(error: ServiceError) -> Reply:
    status, headers, body = _json(STATUS[type(error)], {"error": str(error)})
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after_s))
    return status, headers, body


def _json(status: int, content: dict[str, str]) -> Reply:
    body = orjson.dumps(content)
    length = b"%d" % len(body)
    return status, [(b"content-type", b"application/json"), (b"content-length", length)], body


async def _reply(send: Send, request_id: bytes, trail: Trail | None, reply: Reply) -> None:
    status, headers, body = reply
    headers.append((request_ids.HEADER, request_id))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    if trail is not None:
        trail.end(status, orjson.loads(body)["error"] if status >= 400 else "")
