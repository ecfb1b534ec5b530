"""
When does a batch leave? At once, if the executor is free: it takes all that waits.

While a batch runs the next one forms by itself, so batches grow with the load and an idle
service answers a lone row without waiting for company. There is no timer to tune.

Covered:      order, row limits, queue bound, deadlines, requests whose client has left.
Not covered:  clocks, threads, tensors: `now` is an argument, rows are a number.
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

    @property
    def cancelled(self) -> bool: ...


J = TypeVar("J", bound=Queueable)


class QueueFull(Exception):
    """More rows would wait than the queue may hold."""


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
    def rows(self) -> int:
        return sum(job.rows for job in self.jobs)


class Batcher(Generic[J]):
    """
    A queue of requests that counts rows.

    Args:
        max_batch_rows: Most rows of a batch; no job may be larger.
        max_queue_rows: Most rows that may wait.
    """

    def __init__(self, max_batch_rows: int, max_queue_rows: int):
        self.max_batch_rows = max_batch_rows
        self.max_queue_rows = max_queue_rows
        self.queued_rows = 0
        self._jobs: deque[J] = deque()

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def oldest_arrival_s(self) -> float | None:
        """When the longest-waiting job arrived; may be asked from another thread."""
        try:
            return self._jobs[0].arrived_s
        except IndexError:
            return None

    def fits(self, rows: int) -> bool:
        """Whether as many more rows may wait."""
        return self.queued_rows + rows <= self.max_queue_rows

    def add(self, job: J) -> None:
        """
        Let a job wait.

        Raises:
            QueueFull: If its rows do not fit.
        """
        if job.rows > self.max_batch_rows:
            raise ValueError(f"{job.rows} rows exceed {self.max_batch_rows}. This is a bug.")
        if not self.fits(job.rows):
            raise QueueFull
        self._jobs.append(job)
        self.queued_rows += job.rows

    def take(self, now: float, draining: bool = False) -> Batch[J]:
        """
        Everything that waits, up to the row limit; a job that is to be timed goes alone.

        Args:
            now: The time, in the clock of the jobs' `arrived_s` and `deadline_s`.
            draining: Whether the service is stopping, for the reason.
        """
        jobs: list[J] = []
        expired: list[J] = []
        cancelled: list[J] = []
        rows, full = 0, False
        while self._jobs and not full:
            job = self._jobs[0]
            if job.cancelled:
                cancelled.append(self._pop())
            elif now >= job.deadline_s:
                expired.append(self._pop())
            elif jobs and (job.timed or jobs[0].timed):
                break
            elif rows + job.rows > self.max_batch_rows:
                full = True
            else:
                jobs.append(self._pop())
                rows += job.rows
                full = rows == self.max_batch_rows
        reason: CloseReason = "full" if full else "drain" if draining else "idle"
        return Batch(jobs, reason, expired, cancelled)

    def clear(self) -> list[J]:
        """Everything that waits, in order of arrival, whoever still waits for it."""
        return [self._pop() for _ in range(len(self))]

    def _pop(self) -> J:
        job = self._jobs.popleft()
        self.queued_rows -= job.rows
        return job
