"""
What calls are made of: a request that is sent until it is answered, and rows in several requests.

Covered:      deadlines, retries and the pauses before them; how many rows a request may have.
Not covered:  what is asked (`calls`), the bytes of a request (`wire`), sending it (`session`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard, TypeVar

from fff_client.deadline import Deadline
from fff_client.errors import DeadlinePassed, RequestRefused, ServiceError, error_of
from fff_client.messages import Request, Response
from fff_client.rows import Rows
from fff_client.steps import Outcome, Pause, Send, Steps
from fff_client.wire import read_object

T = TypeVar("T")
R = TypeVar("R", Rows, list[Any])

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0  # where the service sent no `Retry-After`
TOO_LARGE = 413


@dataclass(frozen=True, slots=True)
class Sending:
    """
    How one client sends; `Client` describes the options.

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

    def _in_parts(
        self,
        key: tuple[str, str],
        rows: R,
        send: Callable[[R, Sequence[T]], Steps[T]],
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

    def _of_one_version(
        self,
        key: tuple[str, str],
        rows: R,
        request: Callable[[R], Request],
        read: Callable[[Response], T],
        version: Callable[[T], object],
        deadline: Deadline,
    ) -> Steps[list[T]]:
        """Send rows where no version is taken: all again if the model was replaced meanwhile."""

        def part_of(part: R, before: object) -> Steps[T]:
            written = request(part)
            return read((yield from self._retried(lambda left_us: written, deadline)))

        while True:
            parts = yield from self._in_parts(key, rows, part_of)
            if len({version(part) for part in parts}) == 1:
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
            if is_ok(outcome):
                return outcome
            error = error_in(outcome)
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


def is_ok(outcome: Outcome) -> TypeGuard[Response]:
    return isinstance(outcome, Response) and outcome.status == 200


def error_in(outcome: Outcome) -> ServiceError:
    if isinstance(outcome, ServiceError):
        return outcome
    assert outcome is not None, "a Send came back like a Pause. This is a bug."
    return error_of(outcome)
