"""
The calls of a client, each as the steps that a session does.

Covered:      rows in several requests, deadlines, retries and the pauses before them.
Not covered:  the bytes of a request (`wire`), and sending it (`session`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeGuard

import numpy.typing as npt

from fff_client.errors import DeadlinePassed, ServiceError, error_of
from fff_client.messages import Request, Response
from fff_client.results import Comparison, Prediction
from fff_client.steps import Outcome, Pause, Send, Steps
from fff_client.wire import (
    compare_request,
    explain_request,
    infer_request,
    model_path,
    read_comparison,
    read_object,
    read_prediction,
    rows_of,
)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0  # where the service sent no `Retry-After`
POLL_S = 0.1  # a start takes seconds
READY = Request("GET", "/readyz")
TICKS = 64
"""
Deadlines are sent rounded up to this fraction of `timeout_s`: requests of one shape then have the
same JSON part, which client and service remember.
"""


class Deadline(NamedTuple):
    """
    The end of a call.

    Attributes:
        at_s: On the clock of `Calls`.
        timeout_s: From the call's start, which is `at_s` less this.
    """

    at_s: float
    timeout_s: float

    def left_us(self, now_s: float) -> int:
        """Microseconds from `now_s` to the end, rounded up as `TICKS` says, at least 1."""
        ticks = min(math.ceil((self.at_s - now_s) / self.timeout_s * TICKS), TICKS)
        return max(1, round(ticks / TICKS * self.timeout_s * 1e6))


@dataclass(frozen=True, slots=True)
class Calls:
    """
    The calls of one client; `Client` describes the options and the calls.

    Attributes:
        clock: Seconds, like `time.monotonic`.
        jitter: Draws from 0 to 1, so that clients refused together do not come back together.
    """

    timeout_s: float
    retries: int
    max_rows: int
    binary: bool
    clock: Callable[[], float]
    jitter: Callable[[], float]

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
        timeout_s: float | None,
    ) -> Steps[Prediction]:
        """Send the rows, `max_rows` at a time, all to the version that computed the first."""
        rows = rows_of(x)
        names = (outputs,) if isinstance(outputs, str) else tuple(outputs)
        deadline = self._deadline(timeout_s)
        parts: list[Prediction] = []
        for start in range(0, max(len(rows), 1), self.max_rows):
            part = rows[start : start + self.max_rows]
            pinned = parts[0].version if parts else version
            request = partial(infer_request, model, pinned, part, names, self.binary)
            parts.append(read_prediction((yield from self._retried(request, deadline))))
        return Prediction.joined(parts)

    def compare(
        self,
        model: str,
        x: npt.ArrayLike,
        labels: npt.ArrayLike | None,
        timeout_s: float | None,
    ) -> Steps[Comparison]:
        """Send all rows in one request: both sides are timed on one batch."""
        request = compare_request(model, rows_of(x), labels)
        return read_comparison((yield from self._sent(request, timeout_s)))

    def explain(
        self, model: str, x: npt.ArrayLike, timeout_s: float | None
    ) -> Steps[dict[str, Any]]:
        """Send all rows in one request."""
        request = explain_request(model, rows_of(x))
        return read_object((yield from self._sent(request, timeout_s)))

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
