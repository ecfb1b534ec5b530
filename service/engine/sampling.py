"""
A sampled share of a model's batches, shown to somebody else once they have been answered.

Covered:      what a sample holds, and what the worker asks of whoever samples.
Not covered:  who samples and what becomes of it (`service.shadow`).
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from service.job import Answer, JobResult


class Sample(NamedTuple):
    """
    A live batch after its answers.

    Attributes:
        rows: How many were answered.
        results: Its jobs, each with its answer or error.
        fff_ns: Processor time of the thread that computed them; None if that was spent on others
            too, or was a GPU's.
    """

    rows: int
    results: Sequence[JobResult]
    fff_ns: int | None


class Sampler(Protocol):
    """Chooses batches of one model, and takes them."""

    def chooses(self) -> bool:
        """Whether the next batch is to be sampled; asked where it is computed."""
        ...

    def offer(self, sample: Sample) -> None:
        """Take a sample; called on the event loop, after the answers have been handed over."""
        ...


def sample_of(results: Sequence[JobResult], whole: bool, rows: int, fff_ns: int | None) -> Sample:
    """
    Make a sample of a batch that was computed.

    Args:
        results: Its jobs, each with its answer or error.
        whole: Whether every job was answered.
        rows: How many the batch has.
        fff_ns: Processor time of the thread that computed it; None where that says nothing.
    """
    if whole:
        return Sample(rows, results, fff_ns)
    answered = sum(job.rows for job, result in results if isinstance(result, Answer))
    return Sample(answered, results, fff_ns if answered == rows else None)
