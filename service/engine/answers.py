"""From a batch's results to the answers of its requests."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fff.inference_result import InferenceResult
from service.errors import InvalidInput
from service.job import Answer, Job, JobResult

Reals = npt.NDArray[np.float32]


class BatchResult(NamedTuple):
    """
    What a backend made of a batch, as arrays.

    Attributes:
        logits: `[n, o]`, float32.
        leaf: `[n, layers]`, int32.
        margin: `[n, layers]`, float32.
    """

    logits: Reals
    leaf: npt.NDArray[np.int32]
    margin: Reals

    @classmethod
    def of(cls, result: InferenceResult) -> "BatchResult":
        """View the tensors, without a copy."""
        return cls(result.logits.numpy(), result.leaf.numpy(), result.margin.numpy())


def all_finite(rows: Reals, logits: Reals) -> bool:
    """Whether no number of `[n, i]` rows and their `[n, o]` logits is NaN or infinite."""
    return bool(np.isfinite(rows).all() and np.isfinite(logits).all())


def answers_of(
    jobs: Sequence[Job], result: BatchResult, finite: bool, started_s: float, compute_s: float
) -> list[JobResult]:
    """
    Give each job its own rows; or InvalidInput, where they or their logits are not finite.

    Args:
        jobs: Of the batch, in the order of its rows.
        result: Of all of their rows.
        finite: Whether all of them are, as `all_finite` says.
        started_s: When the batch started, in the clock of the jobs' `arrived_s`.
        compute_s: Seconds that it took.
    """
    results: list[JobResult] = []
    logits, leaf, margin = result
    stop = 0
    for job in jobs:
        start, stop = stop, stop + len(job.x)
        part = logits[start:stop]
        if not finite and not all_finite(job.x, part):
            results.append((job, InvalidInput(_not_finite(job.x))))
            continue
        wait_s = started_s - job.arrived_s
        answer = Answer(part, leaf[start:stop], margin[start:stop], wait_s, compute_s, len(logits))
        results.append((job, answer))
    return results


def _not_finite(x: Reals) -> str:
    if not np.isfinite(x).all():
        return "inputs must be finite numbers, got NaN or infinity"
    largest = float(np.abs(x).max())
    return f"inputs must give finite outputs; with values up to {largest:g} float32 overflows"
