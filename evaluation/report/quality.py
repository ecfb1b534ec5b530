"""
How good one checkpoint is on the test data, beyond its accuracy.

One pass as served, in chunks, and for an FFF one through the mixture of all leaves.
"""

from dataclasses import dataclass

from evaluation.dataset import Dataset
from evaluation.evaluate import answers
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
    found = answers(checkpoint, test.images, test.labels, threads)
    rows, leaves = found.leaf_rows, len(found.leaf_rows)
    origin = checkpoint.manifest.origin
    trained = origin if isinstance(origin, TrainingOrigin) else None
    return Quality(
        name=checkpoint.name,
        version=checkpoint.version,
        seed=trained.seed if trained else None,
        hard_accuracy=found.hard_accuracy,
        soft_accuracy=found.soft_accuracy,
        gap_points=100 * (found.soft_accuracy - found.hard_accuracy),
        leaves_used=int((rows > 0).sum()),
        leaves=leaves,
        largest_share=float(rows.max() / len(test) * leaves) if leaves else None,
        calibration_error=found.calibration.error,
        training_accuracy=trained.metrics.get("train_hard_accuracy") if trained else None,
    )
