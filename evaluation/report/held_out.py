"""
Samples as test data: a field or a table, whose rows for the test training held out.

Covered:      values (RMSE, MAE and R², means over the targets) and classes (accuracy and
              calibration, as served); the training rows too, which rivals are fitted to.
Not covered:  the mixture of all leaves; images (`evaluation.report.images`).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from evaluation.calibration import calibration
from evaluation.errors import EvaluationError
from evaluation.evaluate import CPU, accuracy
from evaluation.leaf_counts import LeafCounts
from evaluation.regression import check_samples, computed, errors_of
from evaluation.report.images import error_of_share
from evaluation.report.merit import ACCURACY, Merit, error_in
from evaluation.report.quality import TIMED_ROWS, Quality
from evaluation.samples import Samples
from fff.torch_threads import torch_threads
from model_store.manifest import Manifest, RasterManifest, TrainingOrigin
from model_store.store import Checkpoint
from networks.backends import build_backend

Answers = npt.NDArray[np.floating]
"""Values, `[n, o]`, or a number for each class, `[n, o]`."""


@dataclass(frozen=True, slots=True)
class HeldOutSamples:
    """
    A test part of samples, with the rows that all were trained on.

    Attributes:
        train: What rivals are fitted to.
        test: What everything is measured on; members are those of
            `evaluation.report.quality.TestData`.
    """

    train: Samples
    test: Samples

    @property
    def name(self) -> str:
        return self.test.name

    @property
    def merit(self) -> Merit:
        if self.test.task == "classification":
            return ACCURACY
        units = {target.unit for target in self.test.targets or ()}
        return error_in(units.pop() if len(units) == 1 else None)

    @property
    def sha256(self) -> str:
        return self.test.sha256

    def __len__(self) -> int:
        return len(self.test)

    def why_not(self, manifest: Manifest) -> str | None:
        """Compare task and widths; a raster holds the cells that it would be tested on."""
        widths = self.test.x.shape[1], self.train.output_width
        if manifest.task != self.test.task:
            return f"is for {manifest.task}, these rows are for {self.test.task}"
        if (manifest.input_width, manifest.output_width) != widths:
            return (
                f"takes {manifest.input_width} and gives {manifest.output_width} numbers a row, "
                f"these have {widths[0]} and {widths[1]}"
            )
        if isinstance(manifest, RasterManifest):
            return "holds the test rows themselves; the rival raster has the others alone"
        origin = manifest.origin
        known = origin.test_sha256 if isinstance(origin, TrainingOrigin) else None
        if known not in (None, self.sha256):
            return "held out other rows for its test, and may have learnt from these"
        return None

    def quality_of(self, checkpoint: Checkpoint, threads: int) -> Quality:
        """Measure a checkpoint."""
        check_samples(checkpoint, self.test)
        weights = checkpoint.weights
        with torch_threads(threads):
            values, leaf = computed(build_backend(weights, CPU, threads=threads), self.test.x)
        leaves = LeafCounts(weights, leaf)
        origin = checkpoint.manifest.origin
        trained = origin if isinstance(origin, TrainingOrigin) else None
        metrics = trained.metrics if trained else {}
        of_leaves = {"leaves_used": float(leaves.used), "largest_share": leaves.largest_share}
        known = {
            "training_rmse": metrics.get("train_rmse"),
            "training_s": trained.seconds if trained else None,
            "training_accuracy": metrics.get("train_hard_accuracy"),
        }
        return self.quality(
            checkpoint.name,
            values,
            of_leaves | known,
            checkpoint.version,
            trained.seed if trained else None,
            leaves.leaves,
        )

    def quality(
        self,
        name: str,
        answers: Answers,
        known: dict[str, float | None],
        version: int = 0,
        seed: int | None = None,
        leaves: int = 0,
    ) -> Quality:
        """
        Judge answers to the test rows, `[n, o]`.

        Args:
            name: Whose.
            answers: Values; or for each class a number, the highest for the one that is chosen.
            known: Further figures.
            version: In the store.
            seed: Of its training.
            leaves: Of the network.

        Raises:
            EvaluationError: If one is not finite.
        """
        if not np.isfinite(answers).all():
            raise EvaluationError(f"model {name!r} gives numbers that are not finite")
        figures, error = (
            self._errors(answers) if self.test.task == "regression" else self._right(answers)
        )
        every: dict[str, float | None] = dict.fromkeys(self.merit.figures) | known | figures
        return Quality(
            name, version, seed, {each: every[each] for each in self.merit.figures}, leaves, error
        )

    def rows_of(self, checkpoint: Checkpoint) -> torch.Tensor:
        """The first ones, as they are."""
        return torch.from_numpy(self.test.x[:TIMED_ROWS])

    def _errors(self, answers: Answers) -> tuple[dict[str, float], float]:
        rmse, mae, r2 = errors_of(answers, self.test.y)
        figures = {
            "rmse": float(rmse.mean()),
            "mae": float(mae.mean()),
            "r2": float(r2.mean()),
        }
        return figures, error_of_rmse((answers.astype(np.float64) - self.test.y) ** 2)

    def _right(self, answers: Answers) -> tuple[dict[str, float], float]:
        classes = self.test.y.astype(np.int64)
        hard = accuracy(answers.argmax(1), classes)
        found = calibration(answers.astype(np.float32), classes)
        figures = {"hard_accuracy": hard, "calibration_error": found.error}
        return figures, error_of_share(hard, len(self))


def error_of_rmse(squared: npt.NDArray[np.float64]) -> float:
    """
    Standard error of a root of a mean squared error from its rows alone.

    The mean of n squares has the standard error s / sqrt(n), s their sample deviation; its root r,
    to first order, that divided by 2 r. Of several targets, whose roots are averaged, each row
    counts with the mean of its squares / (2 r).

    Args:
        squared: Squared errors, `[n, o]`.
    """
    root = np.sqrt(squared.mean(0))
    parts = squared[:, root > 0] / (2 * root[root > 0])  # a target without errors has none
    if len(squared) < 2 or not parts.size:
        return 0.0
    return float((parts.sum(1) / squared.shape[1]).std(ddof=1) / math.sqrt(len(squared)))
