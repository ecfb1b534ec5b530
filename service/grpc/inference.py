"""
Inference over gRPC: from a message to a prediction and back.

Covered:      one request, wherever it came from: a call or a stream.
Not covered:  the wire and its statuses (`server`), what a message holds (`tensors`), the
              prediction itself (`service.engine.prediction`).

grpc's asyncio server asks for one call at a time, and each costs it 0.75 ms of processor time, so
calls to a model that computes a row in microseconds meet in no batch: 16 clients, 1.00 rows a
batch, and still 1.00 where a call waits 16 turns of the loop for company. There is nothing to gain:
the batch is a hundredth of the call. Where computing takes long they do meet, 7.7 of 16 with a
dense network of 32,768 neurons (2-core Xeon VM, busy, 2026-11-25).
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from service.engine.engine import Engine
from service.engine.offload import IN_LOOP_BYTES, PIECE_NUMBERS, HoldsLoop
from service.engine.prediction import Prediction, Timeline
from service.engine.served_model import ServedModel
from service.errors import DeadlinePassed, Disconnected
from service.grpc.tensors import InferCall, read_request, write_answer
from service.grpc.wire import Received
from service.job import Answer
from service.metrics.outcomes import PredictionOutcomes

READ_IN_LOOP_VALUES = PIECE_NUMBERS
"""Of typed contents; more are read, and written, in a thread: 0.5 ms (2 cores, 2026-11-24)."""

TimeLeft = Callable[[], float | None]
"""Seconds until the call's own deadline, or None without one."""


class InferReply(NamedTuple):
    """A ModelInferResponse, and what else there is to say of it."""

    message: Any
    model: ServedModel
    answer: Answer


class InferenceService:
    """
    Answers inference requests.

    Args:
        engine: Computes the rows.
        response: The class of ModelInferResponse.
    """

    def __init__(self, engine: Engine, response: type[Any]):
        self._engine, self._response = engine, response
        self._outcomes = PredictionOutcomes(engine.metrics)

    async def infer(
        self, received: Received, time_left: TimeLeft, timeline: Timeline | None = None
    ) -> InferReply:
        """
        Answer a ModelInferRequest. Cancelling this drops its rows from the queue.

        Args:
            received: The message, as it was read.
            time_left: Gives what is left of the call's own deadline.
            timeline: Is told of each step; None where nobody traces.

        Raises:
            ServiceError: Any of them, and nothing else.
        """
        message = received.message
        prediction: Prediction[InferCall] = Prediction(self._engine, self._outcomes, timeline)
        try:
            prediction.find(message.model_name, message.model_version or None)
            await self._parse(prediction, received, time_left())
            answer = await prediction.submit()
            write = partial(prediction.render, answer, partial(self._reply, message.id))
            long = _is_long(answer, raw=bool(received.raw))
            reply = await self._engine.offload.run(write) if long else write()
            prediction.succeed()
            return reply
        except asyncio.CancelledError:  # by grpc; nobody reads an answer
            left_s = time_left()
            late = left_s is not None and left_s < 1e-3  # two clocks: grpc's is another
            prediction.fail(DeadlinePassed() if late else Disconnected())
            raise
        except Exception as exc:  # whatever it was, the client is answered
            raise prediction.fail(exc) from None
        finally:
            prediction.end()

    async def _parse(
        self, prediction: Prediction[InferCall], received: Received, call_left_s: float | None
    ) -> None:
        read = partial(read_request, received, call_left_s)
        values = len(received.contents.get("uint_contents", b"")) + sum(
            len(tensor.contents.fp32_contents)
            + len(tensor.contents.uint_contents)
            + len(tensor.contents.int64_contents)
            for tensor in received.message.inputs
        )
        if values <= READ_IN_LOOP_VALUES:
            try:
                prediction.parse(read)
                return
            except HoldsLoop:  # texts
                pass
        await self._engine.offload.run(partial(prediction.parse, read))

    def _reply(
        self, request_id: str, model: ServedModel, request: InferCall, answer: Answer
    ) -> InferReply:
        message = self._response()
        write_answer(message, request_id, model, request, answer)
        return InferReply(message, model, answer)


def _is_long(answer: Answer, raw: bool) -> bool:
    """Whether writing an answer would hold the event loop."""
    return answer.logits.size > READ_IN_LOOP_VALUES and (
        not raw or answer.logits.nbytes > IN_LOOP_BYTES
    )
