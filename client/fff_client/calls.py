"""
The calls of a client, each as the steps that a session does.

Covered:      rows in several requests, deadlines, retries and the pauses before them.
Not covered:  the bytes of a request (`wire`), and sending it (`session`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeGuard, TypeVar

import numpy.typing as npt

from fff_client.deadline import Deadline
from fff_client.errors import DeadlinePassed, RequestRefused, ServiceError, error_of
from fff_client.messages import Request, Response
from fff_client.results import Comparison, Prediction
from fff_client.rows import Rows, labels_of, look_like_pixels, rows_of
from fff_client.steps import Outcome, Pause, Send, Steps
from fff_client.wire import (
    compare_request,
    explain_request,
    infer_request,
    model_path,
    named,
    read_comparison,
    read_object,
    read_pixel_scale,
    read_prediction,
)

T = TypeVar("T")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0  # where the service sent no `Retry-After`
POLL_S = 0.1  # a start takes seconds
TOO_LARGE = 413
READY = Request("GET", "/readyz")


@dataclass(frozen=True, slots=True)
class Calls:
    """
    The calls of one client; `Client` describes the options and the calls.

    Attributes:
        clock: Seconds, like `time.monotonic`.
        jitter: Draws from 0 to 1, so that clients refused together do not come back together.
        limits: Most rows of a request, by its kind and model, where the service, or what stands
            before it, was found to take fewer than `max_rows`.
    """

    timeout_s: float
    retries: int
    max_rows: int
    binary: bool
    clock: Callable[[], float]
    jitter: Callable[[], float]
    limits: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.retries < 0 or self.max_rows < 1:
            raise ValueError(
                f"retries must be >= 0 and max_rows >= 1, got {self.retries} and {self.max_rows}"
            )
        self._deadline()

    def predict(
        self,
        model: str,
        x: npt.ArrayLike,
        outputs: Sequence[str],
        version: int | None,
        pixels: bool | None,
        timeout_s: float | None,
    ) -> Steps[Prediction]:
        """Send the rows in as many requests as they need, all to the version of the first."""
        deadline = self._deadline(timeout_s)
        names = (outputs,) if isinstance(outputs, str) else tuple(outputs)
        rows = yield from self._rows(model, x, pixels, deadline)

        def part_of(part: Rows, before: Sequence[Prediction]) -> Steps[Prediction]:
            pinned = before[0].version if before else version
            request = partial(infer_request, model, pinned, part, names, self.binary)
            return read_prediction((yield from self._retried(request, deadline)))

        return Prediction.joined((yield from self._in_parts(("infer", model), rows, part_of)))

    def compare(
        self,
        model: str,
        x: npt.ArrayLike,
        labels: npt.ArrayLike | None,
        pixels: bool | None,
        timeout_s: float | None,
    ) -> Steps[Comparison]:
        """Send all rows in one request: both sides are timed on one batch."""
        deadline = self._deadline(timeout_s)
        rows = yield from self._rows(model, x, pixels, deadline)
        request = compare_request(model, rows, None if labels is None else labels_of(labels))
        try:
            return read_comparison((yield from self._retried(lambda left_us: request, deadline)))
        except RequestRefused as exc:
            if exc.status != TOO_LARGE:
                raise
            why = "both networks are timed on one batch: pass fewer rows, as x[:n]"
            raise RequestRefused(f"{exc}; {why}", exc.status, None, exc.request_id) from None

    def explain(
        self, model: str, x: npt.ArrayLike, pixels: bool | None, timeout_s: float | None
    ) -> Steps[dict[str, Any]]:
        """
        Send the rows in as many requests as they need.

        This path takes no version. If the model was replaced meanwhile, all are sent again.
        """
        deadline = self._deadline(timeout_s)
        rows = yield from self._rows(model, x, pixels, deadline)

        def part_of(part: Rows, before: object) -> Steps[dict[str, Any]]:
            request = explain_request(model, part)
            return read_object((yield from self._retried(lambda left_us: request, deadline)))

        while True:
            parts = yield from self._in_parts(("explain", model), rows, part_of)
            if all(part.get("version") == parts[0].get("version") for part in parts):
                return parts[0] | {"rows": [row for part in parts for row in part["rows"]]}

    def models(self) -> Steps[list[dict[str, Any]]]:
        listing = yield from self._get("/v1/models")
        models: list[dict[str, Any]] = listing["models"]
        return models

    def model(self, name: str) -> Steps[dict[str, Any]]:
        return self._get(model_path("v1", name))

    def leaves(self, name: str) -> Steps[dict[str, Any]]:
        return self._get(model_path("v1", name) + "/leaves")

    def ready(self) -> Steps[bool]:
        """Send one request; a service that is not there is not ready either."""
        return _is_ok((yield Send(READY, self._deadline().at_s)))

    def wait_until_ready(self, timeout_s: float) -> Steps[None]:
        """Send until it is, whatever `retries` says; raises the last error at the deadline."""
        deadline_s = self._deadline(timeout_s).at_s
        while not _is_ok(outcome := (yield Send(READY, deadline_s))):
            error = _error(outcome)
            if not error.worth_retrying or self.clock() + POLL_S >= deadline_s:
                raise error
            yield Pause(POLL_S)

    def _rows(
        self, model: str, x: npt.ArrayLike, pixels: bool | None, deadline: Deadline
    ) -> Steps[Rows]:
        """
        Take what a caller has.

        Floats that look like pixels are refused for models that scale pixels, as the service
        does in JSON; of which models that is so, only the service knows.
        """
        named(model)
        rows = rows_of(x, pixels)
        if pixels is None and look_like_pixels(rows):
            request = Request("GET", model_path("v2", model))
            described = yield from self._retried(lambda left_us: request, deadline)
            scale = read_pixel_scale(read_object(described))
            if scale is not None and scale < 1:
                raise ValueError(
                    f"x looks like pixels, whole numbers from 0 to {rows.max():.0f}: pass "
                    "pixels=True if they are, or pixels=False if they are what the network itself "
                    "takes"
                )
        return rows

    def _in_parts(
        self,
        key: tuple[str, str],
        rows: Rows,
        send: Callable[[Rows, Sequence[T]], Steps[T]],
    ) -> Steps[list[T]]:
        """Send rows one part after the other; smaller ones if the service refuses their size."""
        parts: list[T] = []
        sent = 0
        while sent < len(rows):
            part = rows[sent : sent + min(self.max_rows, self.limits.get(key, self.max_rows))]
            try:
                parts.append((yield from send(part, parts)))
                sent += len(part)
            except RequestRefused as exc:
                if exc.status != TOO_LARGE or len(part) == 1:
                    raise
                self.limits[key] = (
                    1 << (len(part) - 1).bit_length() - 1
                )  # a power of 2, as most are
        return parts

    def _get(self, path: str) -> Steps[dict[str, Any]]:
        return read_object((yield from self._sent(Request("GET", path))))

    def _sent(self, request: Request, timeout_s: float | None = None) -> Steps[Response]:
        return self._retried(lambda left_us: request, self._deadline(timeout_s))

    def _retried(self, request: Callable[[int], Request], deadline: Deadline) -> Steps[Response]:
        """Send what `request` makes of the microseconds left until a 200 comes."""
        retried = 0
        while True:
            now_s = self.clock()
            if now_s >= deadline.at_s:
                raise DeadlinePassed("the time for the call ended before all rows were sent")
            outcome = yield Send(request(deadline.left_us(now_s)), deadline.at_s)
            if _is_ok(outcome):
                return outcome
            error = _error(outcome)
            pause_s = self._pause_s(error, retried)
            in_time = self.clock() + pause_s < deadline.at_s
            if not error.worth_retrying or retried == self.retries or not in_time:
                raise error
            yield Pause(pause_s)
            retried += 1

    def _pause_s(self, error: ServiceError, retried: int) -> float:
        """Never less than the service's `Retry-After`, and up to half as much again."""
        least_s = error.retry_after_s
        if least_s is None:
            least_s = min(FIRST_PAUSE_S * 2**retried, LONGEST_PAUSE_S)
        return max(least_s, FIRST_PAUSE_S) * (1 + self.jitter() / 2)

    def _deadline(self, timeout_s: float | None = None) -> Deadline:
        if timeout_s is None:
            timeout_s = self.timeout_s
        if not 0 < timeout_s < math.inf:
            raise ValueError(f"timeout_s must be seconds > 0, got {timeout_s}")
        return Deadline(self.clock() + timeout_s, timeout_s)


def _is_ok(outcome: Outcome) -> TypeGuard[Response]:
    return isinstance(outcome, Response) and outcome.status == 200


def _error(outcome: Outcome) -> ServiceError:
    if isinstance(outcome, ServiceError):
        return outcome
    assert outcome is not None, "a Send came back like a Pause. This is a bug."
    return error_of(outcome)
