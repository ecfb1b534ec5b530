"""
When each step of one request began: kept only where it is logged or traced.

Covered:      the line a request that `log_level = "debug"` writes.
Not covered:  spans (`spans`), which are timelines too.

Four steps, each until the next begins: parse, queue, compute, respond. What lies before them is
the body's arrival.
"""

import logging
import time
from collections.abc import Iterable

from service.engine.served_model import ServedModel
from service.errors import ServiceError, status_of
from service.job import Answer

log = logging.getLogger(__name__)

Headers = Iterable[tuple[bytes, bytes]]


class LoggedTimeline:
    """
    The steps of one request: a `service.engine.prediction.Timeline`.

    Args:
        name: How log lines call the request.
        request_id: As its answer carries it.

    Attributes:
        trace_id: Of the trace it belongs to; 0 for none.
        steps: Their names, and when they began, in seconds of `time.perf_counter`.
    """

    trace_id = 0

    def __init__(self, name: str, request_id: bytes):
        self.name, self.request_id = name, request_id
        self.begun_s = time.perf_counter()
        self.steps: list[tuple[str, float]] = []
        self.rows = 0
        self.model: ServedModel | None = None
        self.answer: Answer | None = None

    def parse(self, model: ServedModel) -> None:
        """Note that the model is found and the body has come."""
        self.model = model
        self.steps.append(("parse", time.perf_counter()))

    def queue(self, rows: int) -> None:
        """Note that the rows are known."""
        self.rows = rows
        self.steps.append(("queue", time.perf_counter()))

    def respond(self, answer: Answer) -> None:
        """Note that the rows are computed."""
        self.answer = answer
        computing_s = self.steps[-1][1] + answer.queue_s
        self.steps.append(("compute", computing_s))
        self.steps.append(("respond", computing_s + answer.compute_s))

    def end(self, error: ServiceError | None) -> None:
        """Note that the answer, or this error, has left."""
        if not log.isEnabledFor(logging.DEBUG):
            return
        status, text = status_of(error).http, "" if error is None else str(error)
        took_ms = (time.perf_counter() - self.begun_s) * 1e3
        log.debug("%s %d in %.3f ms%s%s", self.name, status, took_ms, self._computed(), text)

    def _computed(self) -> str:
        if self.model is None or self.answer is None:
            return ": "
        answer, facts = self.answer, self.model.facts
        return (
            f": model {facts.name} version {facts.version}, {self.rows} rows in a batch of "
            f"{answer.batch_rows}, queue {answer.queue_s * 1e3:.3f} ms, "
            f"compute {answer.compute_s * 1e3:.3f} ms"
        )


class Timelines:
    """Begins a timeline a request."""

    def http(self, path: str, headers: Headers, request_id: bytes) -> LoggedTimeline:
        """
        Begin the timeline of a POST to a prediction path.

        Args:
            path: Without the query.
            headers: As ASGI has them, names in lower case.
            request_id: As its answer will carry it.
        """
        return LoggedTimeline(f"POST {path}", request_id)

    def grpc(self, method: str, headers: Headers, request_id: bytes) -> LoggedTimeline:
        """Begin the timeline of a gRPC call: its full method name, its metadata as headers."""
        return LoggedTimeline(method, request_id)

    async def stop(self) -> None:
        """Write what has not been written yet."""
