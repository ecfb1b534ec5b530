"""
What is accepted and not yet answered: each request is answered once, by its batch or by the stop.

Covered:      counting both, waiting for the last answer, giving up what a stop has no time for.
Not covered:  what is accepted (`admission`), what computes it (`worker`).
"""

import asyncio
from collections import Counter

from service.job import Answer, Job


class OpenRequests:
    """
    The requests of one engine between admission and answer.

    Attributes:
        accepted: Requests so far.
        answered: Of these, those that have got an answer or an error.
        inflight: Requests that have got neither yet, by model.
    """

    def __init__(self) -> None:
        self.accepted = self.answered = 0
        self.inflight: Counter[str] = Counter()
        self._models: dict[Job, str] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def unanswered(self) -> int:
        """Requests that have got neither an answer nor an error."""
        return self.accepted - self.answered

    def add(self, name: str, job: Job) -> None:
        """Count a request as accepted by a model."""
        self.accepted += 1
        self.inflight[name] += 1
        self._models[job] = name
        self._idle.clear()

    def settle(self, name: str, job: Job, result: Answer | Exception) -> None:
        """Answer a request of a model, unless it has been given up."""
        if self._models.pop(job, None) is None:
            return
        try:
            if job.future.done():  # cancelled: nobody waits any more
                return
            if isinstance(result, Exception):
                job.future.set_exception(result)
            else:
                job.future.set_result(result)
        finally:
            self.answered += 1
            self.inflight[name] -= 1
            if not self._models:
                self._idle.set()

    def give_up(self, refusal: Exception) -> int:
        """Answer all that is open with an error; returns how many requests that were."""
        given_up = list(self._models.items())
        for job, name in given_up:
            self.settle(name, job, refusal)
        return len(given_up)

    async def all_answered(self) -> None:
        """Wait until nothing is open."""
        await self._idle.wait()
