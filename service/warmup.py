"""
Before a model is ready: run it at the sizes it will meet, and see that it answers as it must.

A failed warm-up ends the start: a model that cannot pass it would fail its users.
"""

import torch

from fff import reference
from fff.backends import Backend
from fff.prediction import Prediction
from model_store.store import Checkpoint


class WarmupFailed(RuntimeError):
    """A loaded model that does not answer as its reference does."""


def warm_up(checkpoint: Checkpoint, backend: Backend, max_batch_rows: int) -> None:
    """
    Run batches of 1, 2, 4, … up to the limit, and hold the answers against the reference.

    Rows are random: routing must agree exactly, logits to 1e-3 of their size. That is far
    above float32 rounding and far below what another leaf or a lost bias would give.

    Raises:
        WarmupFailed: Naming the model and what differs.
    """
    seeded = torch.Generator().manual_seed(0)
    rows = torch.randn(64, checkpoint.manifest.input_width, generator=seeded)  # [64, i]
    truth = reference.infer(rows, checkpoint.weights)
    size = 1
    while True:
        size = min(size, max_batch_rows)
        repeats = -(-size // len(rows))
        got = backend.infer(rows.repeat(repeats, 1)[:size])
        compared = min(size, len(rows))
        if not torch.equal(got.leaf[:compared], truth.leaf[:compared]):
            raise WarmupFailed(f"model {checkpoint.name!r}: a batch of {size} takes other leaves")
        if not torch.allclose(
            got.logits[:compared], truth.logits[:compared], rtol=1e-3, atol=1e-3 * _scale(truth)
        ):
            raise WarmupFailed(f"model {checkpoint.name!r}: a batch of {size} differs in logits")
        if size == max_batch_rows:
            return
        size *= 2


def _scale(truth: Prediction) -> float:
    return float(truth.logits.abs().max())
