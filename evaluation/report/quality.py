"""How good one network is on the test data, and what data must say of themselves for that."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from evaluation.report.merit import Merit
from model_store.manifest import Manifest
from model_store.store import Checkpoint

TIMED_ROWS = 16_384
"""Before rows come again: four calls at batch 4,096."""


@dataclass(frozen=True, slots=True)
class Quality:
    """
    One network on the test data.

    Attributes:
        name: The model's name in the store; of a rival that is no model, what it is.
        version: Its version there; 0 of a rival.
        seed: Of its training; None where it was not trained here.
        figures: By name, those of `evaluation.report.merit`; None what is not known of it.

            hard_accuracy: Share of rows whose class is right, as served, 0 to 1.
            soft_accuracy: The same for the mixture of all leaves; without leaves the same number.
            gap_points: Hardening gap, soft less hard accuracy, in points of 100.
            calibration_error: Expected calibration error, 0 to 1.
            training_accuracy: Hard accuracy on the training rows, as its manifest has it, 0 to 1.
            rmse, mae, r2: Means over the targets, in their unit (`evaluation.regression`).
            training_rmse: On the training rows, as its manifest has it.
            training_s: Seconds that its training took, on the machine of then.
            leaves_used: Leaves that at least one row reached; 0 without leaves.
            largest_share: Share of the rows in the fullest leaf, times the leaves: 1 where all are
                even; None without leaves.
        leaves: Leaves; 0 without.
        error: Standard error of its merit from the test rows alone.
    """

    name: str
    version: int
    seed: int | None
    figures: dict[str, float | None]
    leaves: int
    error: float

    def figure(self, name: str) -> float:
        """
        A figure that is known.

        Raises:
            KeyError: If it is not.
        """
        value = self.figures[name]
        if value is None:
            raise KeyError(name)
        return value


class TestData(Protocol):
    """
    Rows that choose nothing, on which networks are measured and timed.

    Attributes:
        name: For messages.
        merit: What networks are told apart by.
        sha256: Of the rows, as a manifest has it of those it was tested on.
    """

    @property
    def name(self) -> str: ...

    @property
    def merit(self) -> Merit: ...

    @property
    def sha256(self) -> str: ...

    def __len__(self) -> int: ...

    def why_not(self, manifest: Manifest) -> str | None:
        """Why a model cannot be measured on these rows; None where it can."""

    def quality_of(self, checkpoint: Checkpoint, threads: int) -> Quality:
        """
        Measure a checkpoint.

        Raises:
            EvaluationError: If the data do not fit it, or what it gives is not finite.
        """

    def rows_of(self, checkpoint: Checkpoint) -> Tensor:
        """Rows as a checkpoint takes them, at most `TIMED_ROWS`, `[n, i]`, float32."""
