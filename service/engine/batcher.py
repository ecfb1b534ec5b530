"""
When does a batch leave? At once, if the executor is free: it takes all that waits.

While a batch runs the next one forms by itself, so batches grow with the load and an idle
service answers a lone row without waiting for company. There is no timer to tune.

Limits are in tokens, since that is what a batch costs: of texts, their tokens; of everything else a
row is one.

Covered:      order, limits, queue bound, deadlines, requests whose client has left.
Not covered:  clocks, threads, tensors: `now` is an argument, tokens are a number.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from service.metrics.label_values import CloseReason


class Queueable(Protocol):
    """What a batcher needs to know of a request."""

    arrived_s: float
    deadline_s: float
    timed: bool

    rows: int
    tokens: int

    @property
    def cancelled(self) -> bool: ...


J = TypeVar("J", bound=Queueable)


class QueueFull(Exception):
    """More tokens would wait than the queue may hold."""


@dataclass(frozen=True, slots=True)
class Batch(Generic[J]):
    """
    What leaves the queue together.

    Attributes:
        jobs: To be computed, in order of arrival.
        expired: Left out because their deadline passed while they waited.
        cancelled: Left out because nobody waits for them any more.
        reason: What made it leave now.
    """

    jobs: Sequence[J]
    reason: CloseReason
    expired: Sequence[J] = field(default_factory=list)
    cancelled: Sequence[J] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        return sum(job.tokens for job in self.jobs)


class Batcher(Generic[J]):
    """
    A queue of requests that counts what they cost.

    Args:
        max_batch_tokens: Most tokens of a batch; no job may be larger.
        max_queue_tokens: Most tokens that may wait.
    """

    def __init__(self, max_batch_tokens: int, max_queue_tokens: int):
        self.max_batch_tokens = max_batch_tokens
        self.max_queue_tokens = max_queue_tokens
        self.queued_tokens = 0
        self.queued_rows = 0  # for who watches
        self._jobs: deque[J] = deque()

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def oldest_arrival_s(self) -> float | None:
        """When the longest-waiting job arrived; any thread may ask."""
        try:
            return self._jobs[0].arrived_s
        except IndexError:
            return None

    def fits(self, tokens: int) -> bool:
        """Whether as many more tokens may wait."""
        return self.queued_tokens + tokens <= self.max_queue_tokens

    def add(self, job: J) -> None:
        """
        Let a job wait.

        Raises:
            QueueFull: If its tokens do not fit.
        """
        if job.tokens > self.max_batch_tokens:
            raise ValueError(f"{job.tokens} tokens exceed {self.max_batch_tokens}. This is a bug.")
        if not self.fits(job.tokens):
            raise QueueFull
        self._jobs.append(job)
        self.queued_tokens += job.tokens
        self.queued_rows += job.rows

    def take(self, now: float, draining: bool = False) -> Batch[J]:
        """
        Everything that waits, up to the limit; a job that is to be timed goes alone.

        Args:
            now: The time, in the clock of the jobs' `arrived_s` and `deadline_s`.
            draining: Whether the service is stopping, for the reason.
        """
        jobs: list[J] = []
        expired: list[J] = []
        cancelled: list[J] = []
        tokens, full = 0, False
        while self._jobs and not full:
            job = self._jobs[0]
            if job.cancelled:
                cancelled.append(self._pop())
            elif now >= job.deadline_s:
                expired.append(self._pop())
            elif jobs and (job.timed or jobs[0].timed):
                break
            elif tokens + job.tokens > self.max_batch_tokens:
                full = True
            else:
                jobs.append(self._pop())
                tokens += job.tokens
                full = tokens == self.max_batch_tokens
        reason: CloseReason = "full" if full else "drain" if draining else "idle"
        return Batch(jobs, reason, expired, cancelled)

    def clear(self) -> list[J]:
        """Everything that waits, in order of arrival, whoever still waits for it."""
        return [self._pop() for _ in range(len(self))]

    def _pop(self) -> J:
        job = self._jobs.popleft()
        self.queued_tokens -= job.tokens
        self.queued_rows -= job.rows
        return job
