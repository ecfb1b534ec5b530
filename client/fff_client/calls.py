"""
Every call as steps: what to ask, what to do with the answer, when to ask again, when to give up.

A call is a generator. It yields what it wants done, an `Ask` or a `Pause`; whoever drives it,
`Client` by blocking or `AsyncClient` by awaiting, does it and sends back what came of it. So the
rules are written once, and are tested without a clock, a socket or a sleep.
"""

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy.typing as npt

from fff_client.errors import DeadlinePassed, Reply, ServiceError, refusal
from fff_client.results import Comparison, Prediction
from fff_client.wire import (
    Question,
    compare_question,
    explain_question,
    infer_question,
    model_path,
    read_comparison,
    read_object,
    read_prediction,
    rows_of,
)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0  # where the service did not say when to come back
POLL_S = 0.1  # a start takes seconds
TICKS = 64
"""
Deadlines are sent rounded up to this fraction of `timeout_s`: requests of one shape then have the
same JSON part, which client and service remember.
"""


class Ask(NamedTuple):
    """Send this and bring the answer, or the error if none came by then."""

    question: Question
    until_s: float


class Pause(NamedTuple):
    """Wait."""

    seconds: float


T = TypeVar("T")
Steps = Generator[Ask | Pause, Reply | ServiceError | None, T]


@dataclass(frozen=True, slots=True)
class Calls:
    """
    What `Client` and `AsyncClient` have in common; the options are described there.

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
        self._deadline_s(self.timeout_s)

    def predict(
        self,
        model: str,
        x: npt.ArrayLike,
        outputs: Sequence[str],
        version: int | None,
        timeout_s: float | None,
    ) -> Steps[Prediction]:
        """Ask for all rows, `max_rows` at a time, of the version that answers first."""
        rows = rows_of(x)
        names = (outputs,) if isinstance(outputs, str) else tuple(outputs)
        timeout_s = self.timeout_s if timeout_s is None else timeout_s
        until_s = self._deadline_s(timeout_s)
        parts: list[Prediction] = []
        for start in range(0, max(len(rows), 1), self.max_rows):
            part = rows[start : start + self.max_rows]
            pinned = parts[0].version if parts else version

            def question(left_s: float, part: Any = part, pinned: Any = pinned) -> Question:
                us = _timeout_us(left_s, timeout_s)
                return infer_question(model, pinned, part, names, us, self.binary)

            reply = yield from self._answered(question, until_s)
            parts.append(read_prediction(reply))
        return Prediction.joined(parts)

    def compare(
        self,
        model: str,
        x: npt.ArrayLike,
        labels: npt.ArrayLike | None,
        timeout_s: float | None,
    ) -> Steps[Comparison]:
        """Ask for all rows at once: both sides are timed on one batch."""
        question = compare_question(model, rows_of(x), labels)
        return read_comparison((yield from self._asked(question, timeout_s)))

    def explain(
        self, model: str, x: npt.ArrayLike, timeout_s: float | None
    ) -> Steps[dict[str, Any]]:
        """Ask for all rows at once."""
        question = explain_question(model, rows_of(x))
        return read_object((yield from self._asked(question, timeout_s)))

    def models(self) -> Steps[list[dict[str, Any]]]:
        said = yield from self._described("/v1/models")
        listed: list[dict[str, Any]] = said["models"]
        return listed

    def model(self, name: str) -> Steps[dict[str, Any]]:
        return self._described(model_path("v1", name))

    def leaves(self, name: str) -> Steps[dict[str, Any]]:
        return self._described(model_path("v1", name) + "/leaves")

    def ready(self) -> Steps[bool]:
        """Ask once; nobody there is not ready either."""
        outcome = yield Ask(Question("GET", "/readyz"), self._deadline_s(self.timeout_s))
        return isinstance(outcome, Reply) and outcome.status == 200

    def wait_until_ready(self, timeout_s: float) -> Steps[None]:
        """Ask until it is, whatever `retries` says; raises what stood in the way at the end."""
        until_s = self._deadline_s(timeout_s)
        while True:
            outcome = yield Ask(Question("GET", "/readyz"), until_s)
            if isinstance(outcome, Reply) and outcome.status == 200:
                return
            error = _error(outcome)
            if not error.worth_retrying or self.clock() + POLL_S >= until_s:
                raise error
            yield Pause(POLL_S)

    def _described(self, path: str) -> Steps[dict[str, Any]]:
        return read_object((yield from self._asked(Question("GET", path), None)))

    def _asked(self, question: Question, timeout_s: float | None) -> Steps[Reply]:
        until_s = self._deadline_s(self.timeout_s if timeout_s is None else timeout_s)
        return (yield from self._answered(lambda left_s: question, until_s))

    def _answered(self, question: Callable[[float], Question], until_s: float) -> Steps[Reply]:
        retried = 0
        while True:
            left_s = until_s - self.clock()
            if left_s <= 0:
                raise DeadlinePassed("the time for the call ended before all rows were sent")
            outcome = yield Ask(question(left_s), until_s)
            if isinstance(outcome, Reply) and outcome.status == 200:
                return outcome
            error = _error(outcome)
            pause_s = self._pause_s(error, retried)
            in_time = self.clock() + pause_s < until_s
            if not error.worth_retrying or retried == self.retries or not in_time:
                raise error
            yield Pause(pause_s)
            retried += 1

    def _pause_s(self, error: ServiceError, retried: int) -> float:
        """Never less than the service asked for, and up to half as much again."""
        least_s = error.retry_after_s
        if least_s is None:
            least_s = min(FIRST_PAUSE_S * 2**retried, LONGEST_PAUSE_S)
        return max(least_s, FIRST_PAUSE_S) * (1 + self.jitter() / 2)

    def _deadline_s(self, timeout_s: float) -> float:
        if not 0 < timeout_s < math.inf:
            raise ValueError(f"timeout_s must be seconds > 0, got {timeout_s}")
        return self.clock() + timeout_s


def _error(outcome: Reply | ServiceError | None) -> ServiceError:
    if isinstance(outcome, ServiceError):
        return outcome
    assert outcome is not None, "an Ask was answered like a Pause. This is a bug."
    return refusal(outcome)


def _timeout_us(left_s: float, timeout_s: float) -> int:
    ticks = min(math.ceil(left_s / timeout_s * TICKS), TICKS)
    return max(1, round(ticks / TICKS * timeout_s * 1e6))
