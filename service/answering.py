"""
The way of one prediction request through the service, the same for every form of it.

find the model → read the body → parse → submit → render, timed and counted; an error at any
step becomes the answer. A client that leaves meanwhile has its rows dropped from the queue.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import orjson
from fastapi import Request, Response

from service.engine import Engine
from service.errors import STATUS, ComputeFailed, Disconnected, ModelNotServed, ServiceError
from service.inference_protocol import InferRequest
from service.request_body import read_body
from service.served_model import ServedModel
from service.worker import Answer

T = TypeVar("T")
Parse = Callable[[bytes, ServedModel], InferRequest]
Render = Callable[[ServedModel, InferRequest, Answer], dict[str, Any]]


def json_response(
    content: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """JSON by orjson, which writes numpy arrays without a Python object a number."""
    body = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(body, status, headers, media_type="application/json")


def error_response(error: ServiceError) -> Response:
    """`{"error": …}` with the status of `service.errors`, and Retry-After where it helps."""
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    return json_response({"error": str(error)}, STATUS[type(error)], headers)


async def answer_prediction(
    engine: Engine, request: Request, name: str, version: str | None, parse: Parse, render: Render
) -> Response:
    """
    Answer one request for one model.

    Args:
        engine: Computes.
        request: Its body is not yet read.
        name: Model asked for.
        version: Version asked for, or None for the one served.
        parse: Body to rows.
        render: Answer to JSON.
    """
    begun_s = time.perf_counter()
    try:
        model = engine.model(name, version)
    except ModelNotServed as error:
        engine.metrics.not_found()
        return error_response(error)
    except ServiceError as error:
        return error_response(error)
    try:
        asked = parse(await read_body(request, engine.settings.max_body_bytes), model)
        submitted = engine.submit(model, asked.rows, asked.deadline_s)
        answer = await while_connected(request, submitted)
        response = json_response(render(model, asked, answer), 200, timing_headers(model, answer))
    except ServiceError as error:
        response = error_response(error)
        if error.rejection is not None:
            model.metrics.rejected(error.rejection)
    except Exception:
        model.metrics.answered(STATUS[ComputeFailed], time.perf_counter() - begun_s)
        raise
    model.metrics.answered(response.status_code, time.perf_counter() - begun_s)
    return response


def timing_headers(model: ServedModel, answer: Answer) -> dict[str, str]:
    """Where the time went, in milliseconds, and which version answered."""
    return {
        "Server-Timing": (
            f"queue;dur={answer.queue_s * 1e3:.3f}, compute;dur={answer.compute_s * 1e3:.3f}"
        ),
        "x-model-version": str(model.facts.version),
    }


async def while_connected(request: Request, work: "asyncio.Future[T]") -> T:
    """
    Wait for work, but not longer than the client does.

    The body must have been read: after it, the only message left is the disconnect.

    Raises:
        Disconnected: If the client left first; the work is cancelled.
    """
    left = asyncio.ensure_future(request.receive())
    left.add_done_callback(lambda _: work.cancel())
    try:
        return await work
    except asyncio.CancelledError:
        if left.done():
            raise Disconnected("the client left while its rows were queued") from None
        raise
    finally:
        left.cancel()
