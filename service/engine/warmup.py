"""
Before a model is ready: run it at the sizes it will meet, and see that it answers as it must.

A failed warm-up ends the start: a model that cannot pass it would fail its users.
"""

import time
from statistics import median

import torch

from fff import reference
from fff.backends import Backend
from fff.inference_result import InferenceResult
from fff.weights import FFFWeights, Weights
from model_store.store import Checkpoint


class WarmupFailed(RuntimeError):
    """A loaded model that does not answer as its reference does."""


INLINE_BUDGET_S = 1e-3
"""A batch that takes longer than this never runs in the event loop.

Parsing one JSON request of 64 rows of 784 numbers holds the loop for 3.8 ms; a hand-over to a
compute thread costs 0.15 ms each way when the loop is idle, and up to 0.1 ms for every single
torch operation when it is busy (2 cores, 2026-11-24, docs/decisions/0006-in-the-loop.md).
"""


TOLERANCE = {"float32": 1e-3, "bfloat16": 2e-2}
"""A bfloat16 weight is off by up to 2**-9 of itself; of a sum of many such errors, most cancel."""
_ROWS_AT_A_TIME = 4


def warm_up(checkpoint: Checkpoint, backend: Backend, max_batch_rows: int) -> int:
    """
    Run batches of 1, 2, 4, … up to the limit, and hold the answers against the reference.

    Rows are random: routing must agree exactly, logits to `TOLERANCE` of their size. That is
    far above rounding and far below what another leaf or a lost bias would give.

    Returns:
        The largest of these sizes that took at most `INLINE_BUDGET_S`, 0 if none.

    Raises:
        WarmupFailed: Naming the model and what differs.
    """
    seeded = torch.Generator().manual_seed(0)
    rows = torch.randn(64, checkpoint.manifest.input_width, generator=seeded)  # [64, i]
    expected = _reference_result(rows, checkpoint.weights)
    inline_rows, size = 0, 1
    while True:
        size = min(size, max_batch_rows)
        batch = rows.repeat(-(-size // len(rows)), 1)[:size]  # [size, i]
        result, subject = backend.infer(batch), f"model {checkpoint.name!r}, {size} rows"
        _compare(expected, result, TOLERANCE[backend.dtype], subject)
        if inline_rows == size // 2 and _median_s(backend, batch) <= INLINE_BUDGET_S:
            inline_rows = size
        if size == max_batch_rows:
            return inline_rows
        size *= 2


def _reference_result(rows: torch.Tensor, weights: Weights) -> InferenceResult:
    """
    Ask the reference.

    A leaf read from a mapped file brings up to 4 MB of it into memory, 2 MB pages of the page
    cache around either matrix, so a tree's rows are asked a few at a time.
    """
    if not isinstance(weights, FFFWeights):
        return reference.infer(rows, weights)
    answers = []
    for few in torch.split(rows, _ROWS_AT_A_TIME):
        answers.append(reference.infer(few, weights))
        weights.release()
    parts = zip(*((one.logits, one.leaf, one.margin) for one in answers), strict=True)
    return InferenceResult(*map(torch.cat, parts))


def _median_s(backend: Backend, batch: torch.Tensor) -> float:
    def run_s() -> float:
        begun_s = time.perf_counter()
        backend.infer(batch)
        return time.perf_counter() - begun_s

    return median(run_s() for _ in range(5))


def _compare(
    expected: InferenceResult, result: InferenceResult, tolerance: float, subject: str
) -> None:
    rows = min(len(expected), len(result))
    if not torch.equal(result.leaf[:rows], expected.leaf[:rows]):
        raise WarmupFailed(f"{subject}: other leaves than the reference's")
    off = (result.logits[:rows] - expected.logits[:rows]).abs().max()
    if not off <= tolerance * expected.logits.abs().max():
        raise WarmupFailed(f"{subject}: logits differ from the reference's by {off:g}")
