"""
How good a network is on samples with classes: as `evaluation.evaluate`, of rows instead of images.

Covered:      rows as a network takes them, of a table for instance.
Not covered:  values (`evaluation.regression`).
"""

import numpy as np
import torch

from evaluation.calibration import calibration
from evaluation.errors import EvaluationError
from evaluation.evaluate import CPU, Evaluation, accuracy, rows_per_s
from evaluation.leaf_counts import LeafCounts
from evaluation.progress import Progress, no_progress
from evaluation.regression import check_samples, computed
from evaluation.samples import Inputs, Labels, Samples
from evaluation.soft import CHUNK_FLOATS, CHUNK_ROWS, SoftNetwork, routes
from fff.torch_threads import torch_threads
from fff.weights import FFFWeights
from model_store.store import Checkpoint
from networks.backends import build_backend
from networks.weights import NetworkWeights


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
        if isinstance(weights, FFFWeights | NetworkWeights) and routes(weights):
            soft = accuracy(_soft_classes(weights, samples.x), labels)
        speed = rows_per_s(backend, torch.from_numpy(samples.x[:CHUNK_ROWS]))
    leaves, sure = LeafCounts(weights, leaf), calibration(logits, labels)
    return Evaluation(
        rows=len(samples),
        hard_accuracy=hard,
        soft_accuracy=soft,
        leaves_used=leaves.used,
        leaves=leaves.leaves,
        leaf_shares=leaves.shares,
        layers=leaves.layers,
        rows_per_s=speed,
        threads=threads,
        calibration_error=sure.error,
        nll=sure.nll,
        confidence_when_wrong=sure.confidence_when_wrong,
    )


def _soft_classes(weights: FFFWeights | NetworkWeights, x: Inputs) -> Labels:
    """Class of every row by the mixture of all leaves, `[n]`, int64."""
    network = SoftNetwork(weights)
    size = max(1, min(CHUNK_ROWS, CHUNK_FLOATS // network.floats_per_row))
    parts = torch.split(torch.from_numpy(x), size)
    return np.concatenate([network.logits(part).argmax(1).numpy() for part in parts])
