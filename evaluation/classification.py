"""
How good a network is on samples with classes: as `evaluation.evaluate`, of rows instead of images.

Covered:      rows as a network takes them, of a table for instance.
Not covered:  values (`evaluation.regression`).
"""

import numpy as np
import torch

from evaluation.calibration import calibration
from evaluation.errors import EvaluationError
from evaluation.evaluate import CPU, Evaluation, accuracy, leaf_rows, rows_per_s
from evaluation.progress import Progress, no_progress
from evaluation.regression import check_samples, computed
from evaluation.samples import Inputs, Labels, Samples
from fff.backends import build_backend
from fff.layers import FFF
from fff.torch_threads import torch_threads
from fff.weights import FFFWeights
from model_store.store import Checkpoint

_CHUNK_ROWS = 8192
_CHUNK_FLOATS = 1 << 24  # 64 MiB of hidden neurons; a soft pass holds about three times that


def evaluate_classes(
    checkpoint: Checkpoint, samples: Samples, threads: int = 1, progress: Progress = no_progress
) -> Evaluation:
    """
    Measure a checkpoint on samples with classes.

    Args:
        checkpoint: The network.
        samples: A classification.
        threads: That it computes with.
        progress: Told of rows; of nothing while speed is measured.

    Raises:
        EvaluationError: If they do not fit together, or an answer is not finite.
    """
    check_samples(checkpoint, samples)
    weights, labels = checkpoint.weights, samples.labels
    backend = build_backend(weights, CPU, threads=threads)
    with torch_threads(threads):
        logits, leaf = computed(backend, samples.x, progress)
        if not np.isfinite(logits).all():
            raise EvaluationError(f"model {checkpoint.name!r} gives scores that are not finite")
        hard = soft = accuracy(logits.argmax(1), labels)
        if isinstance(weights, FFFWeights):
            soft = accuracy(_soft_classes(weights, samples.x), labels)
        speed = rows_per_s(backend, torch.from_numpy(samples.x[:_CHUNK_ROWS]))
    rows, sure = leaf_rows(weights, leaf), calibration(logits, labels)
    return Evaluation(
        rows=len(samples),
        hard_accuracy=hard,
        soft_accuracy=soft,
        leaves_used=int((rows > 0).sum()),
        leaves=len(rows),
        leaf_shares=(rows / len(samples)).tolist(),
        rows_per_s=speed,
        threads=threads,
        calibration_error=sure.error,
        nll=sure.nll,
        confidence_when_wrong=sure.confidence_when_wrong,
    )


def _soft_classes(weights: FFFWeights, x: Inputs) -> Labels:
    """Class of every row by the mixture of all leaves, `[n]`, int64."""
    network = FFF.from_weights(weights).eval()
    chunk = max(1, _CHUNK_FLOATS // (weights.leaves * max(weights.leaf_width, 2)))
    with torch.inference_mode():
        parts = torch.split(torch.from_numpy(x), min(chunk, _CHUNK_ROWS))
        return np.concatenate([network.soft(part).logits.argmax(1).numpy() for part in parts])
