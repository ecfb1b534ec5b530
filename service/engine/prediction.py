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

import numpy as np
import numpy.typing as npt

from service.engine.engine import Engine
from service.engine.served_model import ServedModel
from service.errors import INTERNAL_ERROR, ComputeFailed, ServiceError
from service.job import Answer
from service.metrics.outcomes import Outcome, Outcomes
from service.request_id import current

log = logging.getLogger(__name__)


class ParsedRequest(Protocol):
    """
    What a request's bytes are turned into.

    Attributes:
        rows: `[r, i]`, float32, at least one row.
        deadline_s: In the clock of `time.monotonic`; infinite for none.
    """

    @property
    def rows(self) -> npt.NDArray[np.float32]: ...

    @property
    def deadline_s(self) -> float: ...


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
        model: None until it is found.
        request_id: As answers and log lines carry it.
    """

    __slots__ = (
        "_begun_s",
        "_engine",
        "_error",
        "_name",
        "_outcomes",
        "_request",
        "_timeline",
        "model",
        "request_id",
    )

    def __init__(self, engine: Engine, outcomes: Outcomes, timeline: Timeline | None = None):
        self._begun_s = time.perf_counter()
        self._engine, self._outcomes, self._timeline = engine, outcomes, timeline
        self._name = ""
        self._error: ServiceError | None = None
        self.model: ServedModel | None = None
        self.request_id = current()

    def find(self, name: str, version: str | None = None) -> ServedModel:
        """Find the model; raises as `Engine.model`."""
        self._name = name
        self.model = self._engine.model(name, version)
        return self.model

    def parse(self, read: Callable[[ServedModel], R]) -> R:
        """
        Read the request; may be called in a thread.

        Args:
            read: Turns what came into rows of the model's width; raises InvalidInput or TooLarge.
        """
        model = self._found()
        if self._timeline is not None:
            self._timeline.parse(model)
        self._request = request = read(model)
        if self._timeline is not None:
            self._timeline.queue(len(request.rows))
        return request

    def submit(self) -> "asyncio.Future[Answer]":
        """Have the rows computed; raises as `Engine.submit`. Cancel it if the client leaves."""
        request = self._request
        return self._engine.submit(self._found(), request.rows, request.deadline_s)

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
        return write(self._found(), self._request, answer)

    def succeed(self) -> None:
        """Count the prediction as answered."""
        self._record(None)

    def fail(self, error: Exception) -> ServiceError:
        """
        Count the prediction as failed.

        Returns:
            The error as the client may know it. What is not a `ServiceError` is our fault: the log
            has it whole, the client learns no more than that.
        """
        if isinstance(error, ServiceError):
            known = error
        else:
            log.error("a request for model %s failed", self._name, exc_info=error)
            known = ComputeFailed(INTERNAL_ERROR)
        self._error = known
        self._record(known)
        return known

    def end(self) -> None:
        """Note that the answer, or the error, has left."""
        if self._timeline is not None:
            self._timeline.end(self._error)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a block that does it all; whatever it raises is raised as a `ServiceError`."""
        try:
            yield
        except Exception as exc:
            raise self.fail(exc) from None
        self.succeed()

    def _found(self) -> ServedModel:
        assert self.model is not None, "the model must be found first. This is a bug."
        return self.model

    def _record(self, error: ServiceError | None) -> None:
        duration_s = time.perf_counter() - self._begun_s
        trace_id = 0 if self._timeline is None else self._timeline.trace_id
        metrics = None if self.model is None else self.model.metrics
        outcome = Outcome(error, duration_s, self.request_id, trace_id)
        self._outcomes.record(metrics, outcome)
