"""
What is accepted and not yet answered: each request is answered once, by its batch or by the stop.

Covered:      counting both, waiting for the last answer, giving up what a stop has no time for.
Not covered:  what is accepted (`admission`), what computes it (`worker`).
"""

import asyncio
from collections import defaultdict

from service.job import Answer, Job


class OpenRequests:
    """
    The requests of one engine between admission and answer.

    Attributes:
        accepted: Requests so far.
    """

    def __init__(self) -> None:
        self.accepted = 0
        self._open: defaultdict[str, set[Job]] = defaultdict(set)  # by model
        self._idle: asyncio.Event | None = None  # once somebody waits for it

    @property
    def unanswered(self) -> int:
        """Requests that have got neither an answer nor an error."""
        return sum(map(len, self._open.values()))

    @property
    def answered(self) -> int:
        """Requests so far that have got an answer or an error."""
        return self.accepted - self.unanswered

    def inflight(self, name: str) -> int:
        """Requests of a model that have got neither."""
        return len(self._open[name])

    def add(self, name: str, job: Job) -> None:
        """Count a request as accepted by a model."""
        self.accepted += 1
        self._open[name].add(job)

    def settle(self, name: str, job: Job, result: Answer | Exception) -> None:
        """Answer a request of a model, unless it has been given up."""
        jobs = self._open[name]
        if job not in jobs:
            return
        jobs.remove(job)
        try:
            if job.future.done():  # cancelled: nobody waits any more
                return
            if isinstance(result, Exception):
                job.future.set_exception(result)
            else:
                job.future.set_result(result)
        finally:
            if self._idle is not None and not self.unanswered:
                self._idle.set()

    def give_up(self, refusal: Exception) -> int:
        """Answer all that is open with an error; returns how many requests that were."""
        given_up = [(name, job) for name, jobs in self._open.items() for job in jobs]
        for name, job in given_up:
            self.settle(name, job, refusal)
        return len(given_up)

    async def all_answered(self) -> None:
        """Wait until nothing is open."""
        self._idle = self._idle or asyncio.Event()
        while self.unanswered:
            self._idle.clear()
            await self._idle.wait()
