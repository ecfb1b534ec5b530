"""
Inference over gRPC: from a message to the engine and back, counted as HTTP's is.

Covered:      one request, wherever it came from: a call or a stream.
Not covered:  the wire and its statuses (`grpc_server`), what a message holds (`grpc_tensors`).

grpc's asyncio server asks for one call at a time, and each costs it 0.75 ms of processor time, so
calls to a model that computes a row in microseconds meet in no batch: 16 clients, 1.00 rows a
batch, and still 1.00 where a call waits 16 turns of the loop for company. There is nothing to gain:
the batch is a hundredth of the call. Where computing takes long they do meet, 7.7 of 16 with a
dense network of 32,768 neurons (2-core Xeon VM, busy, 2026-11-25).
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from service.engine.engine import Engine
from service.engine.served_model import ServedModel
from service.errors import (
    STATUS,
    ComputeFailed,
    DeadlinePassed,
    Disconnected,
    ModelNotServed,
    ServiceError,
)
from service.grpc.tensors import read_asked, read_rows, write_answer
from service.http.disconnect import INTERNAL_ERROR
from service.job import Answer
from service.request_id import current
from service.tracing.timeline import Trail

log = logging.getLogger(__name__)

READ_IN_LOOP_VALUES = 16 * 1024
"""Of typed contents; more are read in a thread. 16 Ki take 1 ms (2 cores, 2026-11-24)."""

TimeLeft = Callable[[], float | None]
"""Seconds until the call's own deadline, or None without one."""


class Reply(NamedTuple):
    """A ModelInferResponse, and what else there is to say of it."""

    message: Any
    model: ServedModel
    answer: Answer


class InferenceService:
    """
    Answers inference requests.

    Args:
        engine: Computes.
        response: The class of ModelInferResponse.
    """

    def __init__(self, engine: Engine, response: type[Any]):
        self._engine = engine
        self._response = response

    async def infer(self, request: Any, time_left: TimeLeft, trail: Trail | None = None) -> Reply:
        """
        Answer a ModelInferRequest. Cancelling this drops its rows from the queue.

        Args:
            request: The message.
            time_left: Of the call.
            trail: Is told how far it got.

        Raises:
            ServiceError: Any of them.
        """
        begun_s = time.perf_counter()
        try:
            model = self._engine.model(request.model_name, request.model_version or None)
        except ServiceError as error:
            if isinstance(error, ModelNotServed):
                self._engine.metrics.not_found()
            if trail is not None:
                trail.end(STATUS[type(error)], str(error))
            raise
        failure: ServiceError | None = None
        try:
            if trail is not None:
                trail.parse(model)
            return await self._infer(request, model, time_left(), trail)
        except ServiceError as error:
            failure = error
            raise
        except asyncio.CancelledError:  # by grpc; nobody reads an answer
            left_s = time_left()
            late = left_s is not None and left_s < 1e-3  # two clocks: grpc's is another
            failure = DeadlinePassed() if late else Disconnected()
            raise
        except Exception:  # whatever it was, the client is answered and the log says more
            log.exception("a request for model %s failed", model.facts.name)
            failure = ComputeFailed(INTERNAL_ERROR)
            raise failure from None
        finally:
            if failure is not None and failure.rejection is not None:
                model.metrics.rejected(failure.rejection)
            status = 200 if failure is None else STATUS[type(failure)]
            trace_id = 0 if trail is None else trail.trace_id
            model.metrics.answered(status, time.perf_counter() - begun_s, current(), trace_id)
            if trail is not None:
                trail.end(status, "" if failure is None else str(failure))

    async def _infer(
        self, request: Any, model: ServedModel, call_left_s: float | None, trail: Trail | None
    ) -> Reply:
        asked = read_asked(request, call_left_s)
        contents = request.inputs[0].contents
        if len(contents.fp32_contents) + len(contents.uint_contents) > READ_IN_LOOP_VALUES:
            rows = await asyncio.to_thread(read_rows, request, model)
        else:
            rows = read_rows(request, model)
        if trail is not None:
            trail.queue(len(rows))
        answer = await self._engine.submit(model, rows, asked.deadline_s)
        if trail is not None:
            trail.respond(answer)
        message = self._response()
        write_answer(message, request.id, model, asked, answer)
        return Reply(message, model, answer)
