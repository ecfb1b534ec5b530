"""
From a batch's results to the answers of its requests.

A request whose rows or logits are not finite gets none. Its client is told so (400) if its rows are
not finite, or are finite and so large that float32 may overflow on them. Otherwise the model has
made NaN or infinity of proper rows: that is our fault (500).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fff.inference_result import InferenceResult
from service.errors import ComputeFailed, InvalidInput, ServiceError
from service.job import Answer, Job, JobResult

Reals = npt.NDArray[np.float32]
Numbers = Reals | npt.NDArray[np.int32]


class BatchResult(NamedTuple):
    """
    What a backend made of a batch, as arrays.

    Attributes:
        logits: `[n, o]`, float32; or `[n, t, o]`.
        leaf: `[n, layers]`, int32; or `[n, layers, t]`, of the tokens of a network.
        margin: As many, float32.
    """

    logits: Reals
    leaf: npt.NDArray[np.int32]
    margin: Reals

    @classmethod
    def of(cls, result: InferenceResult) -> "BatchResult":
        """View the tensors, without a copy."""
        return cls(result.logits.numpy(), result.leaf.numpy(), result.margin.numpy())


def all_finite(rows: Numbers, logits: Reals) -> bool:
    """Whether no number of `[n, i]` rows and their logits is NaN or infinite."""
    # In half the time that `ndarray.all` takes for a row, and no more for a thousand.
    finite = np.isfinite(rows).tobytes(), np.isfinite(logits).tobytes()
    return b"\0" not in finite[0] and b"\0" not in finite[1]


def answers_of(
    jobs: Sequence[Job],
    result: BatchResult,
    started_s: float,
    compute_s: float,
    safe_input: float | None,
) -> list[JobResult]:
    """
    Give each job its own rows; or InvalidInput or ComputeFailed, where they are not finite.

    Args:
        jobs: Of the batch, in the order of its rows.
        result: Of all of their rows.
        started_s: When the batch started, in the clock of the jobs' `arrived_s`.
        compute_s: Seconds that it took.
        safe_input: Rows of numbers up to it, in absolute value, cannot overflow float32; None if
            `all_finite`.
    """
    results: list[JobResult] = []
    logits, leaf, margin = result
    stop, ids = 0, len(jobs) > 0 and jobs[0].x.dtype.kind == "i"
    for job in jobs:
        start, stop = stop, stop + len(job.x)
        part = logits[start:stop]
        if safe_input is not None and not all_finite(job.x, part):
            results.append((job, _not_finite(job.x, part, safe_input)))
            continue
        wait_s = started_s - job.arrived_s
        answer = Answer(part, leaf[start:stop], margin[start:stop], wait_s, compute_s, len(logits))
        if ids:
            answer = _as_long_as(job, answer)
        results.append((job, answer))
    return results


def counted_of(
    results: Sequence[JobResult], result: BatchResult
) -> tuple[npt.NDArray[np.int32], Reals]:
    """
    Leaves and margins of the rows to observe, of those that were answered.

    What is refused is counted as that.
    """
    answers = [out for job, out in results if isinstance(out, Answer) and job.observed]
    leaf = [result.leaf[:0], *(answer.leaf for answer in answers)]
    margin = [result.margin[:0], *(answer.margin for answer in answers)]
    if result.leaf.ndim == 3:  # of jobs whose examples have as many tokens or not
        leaf, margin = [*map(_a_row_a_token, leaf)], [*map(_a_row_a_token, margin)]
    return np.concatenate(leaf), np.concatenate(margin)


def _a_row_a_token(of: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`[r, layers, t]` to `[r * t, layers, 1]`."""
    return of.transpose(0, 2, 1).reshape(-1, of.shape[1], 1)


def _as_long_as(job: Job, answer: Answer) -> Answer:
    """Cut what is longer than a job's own examples: the batch was as long as its longest."""
    t = job.x.shape[1]
    logits, leaf, margin = answer[:3]
    return answer._replace(
        logits=logits[:, :t] if logits.ndim == 3 else logits,
        leaf=leaf[:, :, :t] if leaf.ndim == 3 else leaf,
        margin=margin[:, :, :t] if margin.ndim == 3 else margin,
    )


def _not_finite(x: Numbers, logits: Reals, safe_input: float) -> ServiceError:
    if x.dtype.kind == "i":
        return ComputeFailed("the model gave NaN or infinity for token ids")
    if not np.isfinite(x).all():
        return InvalidInput("inputs must be finite numbers, got NaN or infinity")
    row = x[int(np.isfinite(logits).reshape(len(x), -1).all(axis=1).argmin())]  # the first [i]
    largest = float(np.abs(row).max())
    if largest <= safe_input:
        return ComputeFailed("the model gave NaN or infinity for finite inputs")
    text = f"inputs must give finite outputs; with values up to {largest:g} float32 overflows"
    return InvalidInput(text)
