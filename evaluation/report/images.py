"""
Labelled images as test data: accuracy as served, through the mixture of all leaves, calibration.

One pass as served, in chunks, and for an FFF one through the mixture of all leaves.
"""

import math
from dataclasses import dataclass, field

import torch

from evaluation.dataset import Dataset
from evaluation.evaluate import answers
from evaluation.fitting import fitted_to, scaling_of
from evaluation.report.merit import ACCURACY, Merit
from evaluation.report.quality import TIMED_ROWS, Quality
from model_store.manifest import Manifest, TrainingOrigin, Uint8Scaling
from model_store.store import Checkpoint


@dataclass(slots=True)
class LabelledImages:
    """A test part of images; what each member is, `evaluation.report.quality.TestData` tells."""

    test: Dataset
    merit: Merit = ACCURACY
    _decoded: dict[Uint8Scaling, torch.Tensor] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.test.name

    @property
    def sha256(self) -> str:
        return self.test.sha256

    def __len__(self) -> int:
        return len(self.test)

    def why_not(self, manifest: Manifest) -> str | None:
        """Compare widths, and look for the scaling that pixels need."""
        pixels, classes = self.test.images.shape[1], int(self.test.labels.max()) + 1
        if manifest.input_width != pixels:
            mend = (
                "" if self.test.class_names is None else "; --image-size (and --grey) change that"
            )
            return f"takes {manifest.input_width} numbers, an image has {pixels}{mend}"
        if manifest.output_width < classes:
            return f"gives {manifest.output_width} numbers, the labels are of {classes} classes"
        if manifest.uint8 is None:
            return "has no uint8 scale and shift in its manifest, which raw pixels need"
        return None

    def quality_of(self, checkpoint: Checkpoint, threads: int) -> Quality:
        """Measure a checkpoint, on images that are fitted to it."""
        test = self._as_taken(checkpoint)
        found = answers(checkpoint, test.images, test.labels, threads)
        origin = checkpoint.manifest.origin
        trained = origin if isinstance(origin, TrainingOrigin) else None
        return Quality(
            name=checkpoint.name,
            version=checkpoint.version,
            seed=trained.seed if trained else None,
            figures={
                "hard_accuracy": found.hard_accuracy,
                "soft_accuracy": found.soft_accuracy,
                "gap_points": 100 * (found.soft_accuracy - found.hard_accuracy),
                "leaves_used": found.leaves.used,
                "largest_share": found.leaves.largest_share,
                "calibration_error": found.calibration.error,
                "training_accuracy": trained.metrics.get("train_hard_accuracy")
                if trained
                else None,
            },
            leaves=found.leaves.leaves,
            error=error_of_share(found.hard_accuracy, len(test)),
        )

    def rows_of(self, checkpoint: Checkpoint) -> torch.Tensor:
        """Pixels as the checkpoint's scaling makes numbers of them."""
        scaling = scaling_of(checkpoint)
        if scaling not in self._decoded:
            images = self._as_taken(checkpoint).images[:TIMED_ROWS]
            self._decoded[scaling] = torch.from_numpy(scaling.decode(images))
        return self._decoded[scaling]

    def _as_taken(self, checkpoint: Checkpoint) -> Dataset:
        """Images as a checkpoint takes them: a folder's are fitted to it, as for `evaluate`."""
        test = self.test
        return test if test.class_names is None else fitted_to(checkpoint, test)[0]


def error_of_share(share: float, rows: int) -> float:
    """Standard error of a share that was counted on so many rows: a binomial's."""
    return math.sqrt(share * (1 - share) / rows)
