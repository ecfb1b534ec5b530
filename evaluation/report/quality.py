"""
How good one checkpoint is on the test data, beyond its accuracy.

One pass as served, in chunks, and for an FFF one through the mixture of all leaves.
"""

from dataclasses import dataclass

import numpy as np

from evaluation.calibration import calibration
from evaluation.dataset import Dataset
from evaluation.errors import EvaluationError
from evaluation.evaluate import CPU, accuracy, hard_logits, leaf_rows, soft_classes
from evaluation.fitting import check_data, scaling_of
from fff.backends import build_backend
from fff.torch_threads import torch_threads
from fff.weights import FFFWeights
from model_store.manifest import TrainingOrigin
from model_store.store import Checkpoint


@dataclass(frozen=True, slots=True)
class Quality:
    """
    One checkpoint on the test data.

    Attributes:
        name: The model's name in the store.
        version: Its version there.
        seed: Of its training; None where it was not trained here.
        hard_accuracy: Share of rows whose class is right, as served, 0 to 1.
        soft_accuracy: The same for the mixture of all leaves; without leaves the same number.
        gap_points: Hardening gap, soft less hard accuracy, in points of 100.
        leaves_used: Leaves that at least one row reached; 0 without leaves.
        leaves: Leaves; 0 without.
        largest_share: Share of the rows in the fullest leaf, times the leaves: 1 where all are
            even; None without leaves.
        calibration_error: Expected calibration error, 0 to 1.
        training_accuracy: Hard accuracy on the training rows, as its manifest has it, 0 to 1.
    """

    name: str
    version: int
    seed: int | None
    hard_accuracy: float
    soft_accuracy: float
    gap_points: float
    leaves_used: int
    leaves: int
    largest_share: float | None
    calibration_error: float
    training_accuracy: float | None


def quality_of(checkpoint: Checkpoint, test: Dataset, threads: int) -> Quality:
    """
    Measure a checkpoint.

    Raises:
        EvaluationError: If its manifest has no uint8 scaling, the data do not fit, or what it gives
            is not finite.
    """
    weights, scaling = checkpoint.weights, scaling_of(checkpoint)
    check_data(checkpoint, test.images, test.labels)
    logits, leaf = hard_logits(build_backend(weights, CPU, threads=threads), scaling, test.images)
    if not (finite := np.isfinite(logits).all(1)).all():
        wrong = len(test) - int(finite.sum())
        raise EvaluationError(
            f"gives numbers that are not finite for {wrong} of {len(test)} images"
        )
    hard = soft = accuracy(logits.argmax(1), test.labels)
    if isinstance(weights, FFFWeights):
        with torch_threads(threads):
            soft = accuracy(soft_classes(weights, scaling, test.images), test.labels)
    rows = leaf_rows(weights, leaf)
    origin = checkpoint.manifest.origin
    trained = origin if isinstance(origin, TrainingOrigin) else None
    return Quality(
        name=checkpoint.name,
        version=checkpoint.version,
        seed=trained.seed if trained else None,
        hard_accuracy=hard,
        soft_accuracy=soft,
        gap_points=100 * (soft - hard),
        leaves_used=int((rows > 0).sum()),
        leaves=len(rows),
        largest_share=float(rows.max() / len(test) * len(rows)) if len(rows) else None,
        calibration_error=calibration(logits, test.labels).error,
        training_accuracy=trained.metrics.get("train_hard_accuracy") if trained else None,
    )
