"""
What happened to one request, and when: kept only where somebody wants to be told.

Covered:      the line a request that `log_level = "debug"` writes.
Not covered:  traces (`tracing`), which are trails too.

Four steps, each until the next begins: parse, queue, compute, respond. What lies before them is
the body's arrival.
"""

import logging
import time
from collections.abc import Iterable

from service.engine.served_model import ServedModel
from service.job import Answer

log = logging.getLogger(__name__)

Headers = Iterable[tuple[bytes, bytes]]


class Trail:
    """
    One request's.

    Args:
        name: How the request is called in the log.
        request_id: Its id.

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
        """Its model is found and its body has come."""
        self.model = model
        self.steps.append(("parse", time.perf_counter()))

    def queue(self, rows: int) -> None:
        """Its rows are known."""
        self.rows = rows
        self.steps.append(("queue", time.perf_counter()))

    def respond(self, answer: Answer) -> None:
        """It has been computed."""
        self.answer = answer
        computing_s = self.steps[-1][1] + answer.queue_s
        self.steps.append(("compute", computing_s))
        self.steps.append(("respond", computing_s + answer.compute_s))

    def end(self, status: int, error: str = "") -> None:
        """
        Its answer has left.

        Args:
            status: As in `service.errors`.
            error: What the client was told, if it was one.
        """
        if not log.isEnabledFor(logging.DEBUG):
            return
        took_ms = (time.perf_counter() - self.begun_s) * 1e3
        log.debug("%s %d in %.3f ms%s%s", self.name, status, took_ms, self._computed(), error)

    def _computed(self) -> str:
        if self.model is None or self.answer is None:
            return ": "
        answer, facts = self.answer, self.model.facts
        return (
            f": model {facts.name} version {facts.version}, {self.rows} rows in a batch of "
            f"{answer.batch_rows}, queue {answer.queue_s * 1e3:.3f} ms, "
            f"compute {answer.compute_s * 1e3:.3f} ms"
        )


class Trails:
    """Begins trails, one a request."""

    def http(self, path: str, headers: Headers, request_id: bytes) -> Trail:
        """
        Begin that of a POST to a prediction path.

        Args:
            path: Of the request.
            headers: As ASGI has them.
            request_id: Its id.
        """
        return Trail(f"POST {path}", request_id)

    def grpc(self, method: str, headers: Headers, request_id: bytes) -> Trail:
        """Begin that of a gRPC call: the method's full name, and its metadata as headers."""
        return Trail(method, request_id)

    async def stop(self) -> None:
        """Tell what has not been told yet."""
