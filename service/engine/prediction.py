"""
The life of a prediction, whatever carries it.

find the model → parse its request → submit its rows → render the answer. Whatever one of these
raises becomes the one error that the client gets. Each prediction is timed, traced and counted
once.

Covered:      predictions over HTTP and gRPC; comparisons and explanations, which are counted apart.
Not covered:  bytes and statuses on the wire (`service.http`, `service.grpc`), what is counted of a
              batch (`worker`).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from service.engine.engine import Engine
from service.engine.served_model import ServedModel
from service.errors import INTERNAL_ERROR, ComputeFailed, ServiceError, let_go_of_frames
from service.job import Answer, Rows
from service.metrics.model_metrics import ModelMetrics
from service.metrics.outcomes import Outcomes
from service.request_id import current

log = logging.getLogger(__name__)


class ParsedRequest(Protocol):
    """
    What a request's bytes are turned into.

    Attributes:
        rows: Numbers or token ids, at least one row.
        deadline_s: In the clock of `time.monotonic`; infinite for none.
        observed: Whether leaf statistics count its rows.
    """

    @property
    def rows(self) -> Rows: ...

    @property
    def deadline_s(self) -> float: ...

    @property
    def observed(self) -> bool: ...


class Timeline(Protocol):
    """Notes when each step begins; see `service.tracing`."""

    trace_id: int

    def parse(self, model: ServedModel) -> None:
        """Note that the model is found and the body has come."""
        ...

    def queue(self, rows: int) -> None:
        """Note that the rows are known."""
        ...

    def respond(self, answer: Answer) -> None:
        """Note that the rows are computed."""
        ...

    def end(self, error: ServiceError | None) -> None:
        """Note that the answer, or this error, has left."""
        ...


R = TypeVar("R", bound=ParsedRequest)
T = TypeVar("T")


class Prediction(Generic[R]):
    """
    One prediction.

    Its steps: `find`, `parse`, `submit`; `render` with what was computed, `succeed`; `end` when the
    answer has left. Whatever one of them raises goes to `fail` instead.

    Begun in the context of its request, from which it takes the request's id.

    Args:
        engine: Finds the model and computes the rows.
        outcomes: Counts how it ends.
        timeline: Notes when each step begins; None where nobody traces.

    Attributes:
        model: Set by `find`.
        metrics: The series of its model; None until that is found.
        error: What it failed with, if it did, until it has ended.
        duration_s: From its beginning until it has succeeded or failed, in seconds.
        request_id: As answers and log lines carry it.
        trace_id: Of the trace it belongs to; 0 for none.
    """

    __slots__ = (
        "_begun_s",
        "_engine",
        "_name",
        "_outcomes",
        "_request",
        "_timeline",
        "duration_s",
        "error",
        "metrics",
        "model",
        "request_id",
        "trace_id",
    )
    model: ServedModel
    duration_s: float

    def __init__(self, engine: Engine, outcomes: Outcomes, timeline: Timeline | None = None):
        self._begun_s = time.perf_counter()
        self._engine, self._outcomes, self._timeline = engine, outcomes, timeline
        self._name = ""
        self.metrics: ModelMetrics | None = None
        self.error: ServiceError | None = None
        self.request_id = current()
        self.trace_id = 0 if timeline is None else timeline.trace_id

    def find(self, name: str, version: str | None = None) -> ServedModel:
        """Find the model; raises as `Engine.model`."""
        self._name = name
        self.model = model = self._engine.model(name, version)
        self.metrics = model.metrics
        return model

    def parse(self, read: Callable[[ServedModel], R]) -> R:
        """
        Read the request; may be called in a thread.

        Args:
            read: Turns what came into rows of the model's width; raises InvalidInput or TooLarge.
        """
        if self._timeline is not None:
            self._timeline.parse(self.model)
        self._request = request = read(self.model)
        if self._timeline is not None:
            self._timeline.queue(len(request.rows))
        return request

    def submit(self) -> "asyncio.Future[Answer]":
        """Have the rows computed; raises as `Engine.submit`. Cancel it if the client leaves."""
        request = self._request
        return self._engine.submit(
            self.model, request.rows, request.deadline_s, observed=request.observed
        )

    def start(
        self, name: str, version: str | None, read: Callable[[ServedModel], R]
    ) -> "asyncio.Future[Answer]":
        """Do the first three steps at once, for a request whose body has come."""
        self.find(name, version)
        self.parse(read)
        return self.submit()

    def render(self, answer: Answer, write: Callable[[ServedModel, R, Answer], T]) -> T:
        """Have the answer written."""
        if self._timeline is not None:
            self._timeline.respond(answer)
        return write(self.model, self._request, answer)

    def succeed(self) -> None:
        """Count the prediction as answered."""
        self._record()

    def fail(self, error: Exception) -> ServiceError:
        """
        Count the prediction as failed.

        Returns:
            The error as the client may know it. What is not a `ServiceError` is our fault: the log
            has it whole, the client learns no more than that.
        """
        if not isinstance(error, ServiceError):
            log.error("a request for model %s failed", self._name, exc_info=error)
            error = ComputeFailed(INTERNAL_ERROR)
        let_go_of_frames(error)
        self.error = error
        self._record()
        return error

    def _record(self) -> None:
        self.duration_s = time.perf_counter() - self._begun_s
        try:
            self._outcomes.record(self)
        except Exception:  # it costs nobody the answer
            log.exception("a request for model %s could not be counted", self._name)

    def end(self) -> None:
        """Note that the answer, or the error, has left."""
        if self._timeline is not None:
            self._timeline.end(self.error)
        self.error = None  # which, raised again, holds the frame that holds this

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a block that does it all; whatever it raises is raised as a `ServiceError`."""
        try:
            yield
        except Exception as exc:
            try:
                raise self.fail(exc) from None
            finally:
                self.end()
        self.succeed()
