"""
How good a network is on labelled images: hard and soft accuracy, calibration, use of its leaves.

Hard is what is served: one leaf per row. Soft is the papers' mixture, by the product of the sigmoid
decisions on a leaf's path, whatever gate they were learnt by. Images come as raw bytes and are
scaled as the manifest says, a chunk at a time, so memory does not grow with the data.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np
import numpy.typing as npt
import torch

from evaluation.calibration import Calibration, Logits, calibration
from evaluation.dataset import Labels
from evaluation.errors import EvaluationError
from evaluation.fitting import check_data as check_data
from evaluation.fitting import check_finite
from evaluation.fitting import scaling_of as scaling_of
from evaluation.idx import Bytes
from evaluation.progress import Progress, no_progress, part
from fff.backends import Backend, build_backend
from fff.layers import FFF
from fff.torch_threads import torch_threads
from fff.weights import FFFWeights, Weights
from model_store.manifest import Uint8Scaling
from model_store.store import Checkpoint

Counts = npt.NDArray[np.int64]
Leaves = npt.NDArray[np.int32]

CPU = torch.device("cpu")

# Floats that one chunk may put into a layer: 64 MiB; a soft pass holds about three times that.
_CHUNK_FLOATS = 1 << 24
_CHUNK_ROWS = 8192


@dataclass(frozen=True, slots=True)
class Evaluation:
    """
    What a network reaches on labelled images; the fields of `fff-serve evaluate --json`.

    Attributes:
        rows: Images evaluated.
        hard_accuracy: Share of rows whose class is right, as served, 0 to 1.
        soft_accuracy: The same for the mixture of all leaves; without leaves the same
            number.
        leaves_used: Leaves that at least one row reached.
        leaves: Leaves; 0 for any other network than an FFF.
        leaf_shares: Share of the rows per leaf, `[2**d]`; they sum to 1.
        rows_per_s: Speed of the hard path on one batch of all rows, at most 8192; median of
            five passes, without the scaling of pixels.
        threads: Threads behind `rows_per_s`.
        calibration_error: Expected calibration error of what is served, 0 to 1.
        nll: Mean negative log-likelihood of the labels, as served, in nats.
        confidence_when_wrong: Mean probability of the class that was served where it is wrong,
            0 to 1; None where every row is right.
    """

    rows: int
    hard_accuracy: float
    soft_accuracy: float
    leaves_used: int
    leaves: int
    leaf_shares: list[float]
    rows_per_s: float
    threads: int
    calibration_error: float
    nll: float
    confidence_when_wrong: float | None


@dataclass(frozen=True, slots=True)
class Answers:
    """
    What a network answers to labelled images.

    Attributes:
        backend: What computed them, as served.
        hard_accuracy: Share of rows whose class is right, as served, 0 to 1.
        soft_accuracy: The same for the mixture of all leaves; without leaves the same number.
        leaf_rows: Rows per leaf, `[2**d]`; `[0]` without leaves.
        calibration: Of what is served.
    """

    backend: Backend
    hard_accuracy: float
    soft_accuracy: float
    leaf_rows: Counts
    calibration: Calibration


def evaluate(
    checkpoint: Checkpoint,
    images: Bytes,
    labels: Labels,
    threads: int = 1,
    progress: Progress = no_progress,
) -> Evaluation:
    """
    Measure a checkpoint on raw images, `[n, i]` uint8, and their classes, `[n]`.

    Speed is with `threads` threads, of any kind of network. `progress` is told of rows, and of
    nothing while speed is measured.

    Raises:
        EvaluationError: If the manifest has no uint8 scaling, the data do not fit, or an answer is
            not finite.
    """
    found = answers(checkpoint, images, labels, threads, progress)
    with torch_threads(threads):
        x = torch.from_numpy(scaling_of(checkpoint).decode(images[:_CHUNK_ROWS]))
        speed = rows_per_s(found.backend, x)
    return Evaluation(
        rows=len(images),
        hard_accuracy=found.hard_accuracy,
        soft_accuracy=found.soft_accuracy,
        leaves_used=int((found.leaf_rows > 0).sum()),
        leaves=len(found.leaf_rows),
        leaf_shares=(found.leaf_rows / len(images)).tolist(),
        rows_per_s=speed,
        threads=threads,
        calibration_error=found.calibration.error,
        nll=found.calibration.nll,
        confidence_when_wrong=found.calibration.confidence_when_wrong,
    )


def answers(
    checkpoint: Checkpoint,
    images: Bytes,
    labels: Labels,
    threads: int = 1,
    progress: Progress = no_progress,
) -> Answers:
    """
    Take raw images, `[n, i]` uint8, through a checkpoint; compare with their classes, `[n]`.

    One pass as served and, for an FFF, one through the mixture of all leaves, with `threads`
    threads each. `progress` is told of rows.

    Raises:
        EvaluationError: If the manifest has no uint8 scaling, the data do not fit, or an answer is
            not finite: a service gives none then.
    """
    weights, scaling = checkpoint.weights, scaling_of(checkpoint)
    check_data(checkpoint, images, labels)
    backend = build_backend(weights, CPU, threads=threads)
    passes = 2 if isinstance(weights, FFFWeights) else 1
    with torch_threads(threads):
        logits, leaf = hard_logits(backend, scaling, images, part(progress, 0, passes))
        check_finite(checkpoint, logits)
        hard = soft = accuracy(logits.argmax(1), labels)
        if isinstance(weights, FFFWeights):
            by_mixture = soft_classes(weights, scaling, images, part(progress, 1, passes))
            soft = accuracy(by_mixture, labels)
    return Answers(backend, hard, soft, leaf_rows(weights, leaf), calibration(logits, labels))


def hard_logits(
    backend: Backend, scaling: Uint8Scaling, images: Bytes, progress: Progress = no_progress
) -> tuple[Logits, Leaves]:
    """
    Take every image through the served path, in chunks.

    Returns:
        logits: Of every image, `[n, o]`, float32.
        leaf: Leaf index per routed layer, `[n, layers]`, int32.
    """
    chunks = _chunks(images, images.shape[1], progress)
    predictions = [backend.infer(torch.from_numpy(scaling.decode(chunk))) for chunk in chunks]
    logits = np.concatenate([p.logits.numpy() for p in predictions])
    return logits, np.concatenate([p.leaf.numpy() for p in predictions])


def hard_pass(
    backend: Backend, scaling: Uint8Scaling, images: Bytes, progress: Progress = no_progress
) -> tuple[Labels, Leaves]:
    """
    Take every image through the served path, in chunks.

    Returns:
        classes: Class of every image, `[n]`, int64.
        leaf: Leaf index per routed layer, `[n, layers]`, int32.
    """
    logits, leaf = hard_logits(backend, scaling, images, progress)
    return logits.argmax(1), leaf


def leaf_rows(weights: Weights, leaf: Leaves) -> Counts:
    """Rows per leaf, `[2**d]`; `[0]` without leaves."""
    if not isinstance(weights, FFFWeights):
        return np.zeros(0, np.int64)
    return np.bincount(leaf[:, 0], minlength=weights.leaves)


def reference_leaf_rows(weights: Weights, scaling: Uint8Scaling, images: Bytes) -> list[list[int]]:
    """
    Count what routing drift is measured against: rows per leaf of each routed layer.

    Raises:
        EvaluationError: If the images do not fit the network.
    """
    if images.shape[1] != weights.input_width or len(images) == 0:
        raise EvaluationError(
            f"reference images must be [n, {weights.input_width}], n >= 1; got {list(images.shape)}"
        )
    _, leaf = hard_pass(build_backend(weights, CPU), scaling, images)
    return [leaf_rows(weights, leaf).tolist()]


def soft_classes(
    weights: FFFWeights, scaling: Uint8Scaling, images: Bytes, progress: Progress = no_progress
) -> Labels:
    """Class of every image by the mixture of all leaves, `[n]`, int64."""
    network = FFF.from_weights(weights).eval()
    floats = weights.leaves * max(weights.leaf_width, 2) + weights.input_width
    classes = []
    with torch.inference_mode():
        for chunk in _chunks(images, floats, progress):
            logits = network.soft(torch.from_numpy(scaling.decode(chunk))).logits  # [n, o]
            classes.append(logits.argmax(1).numpy())
    return np.concatenate(classes)


def accuracy(classes: Labels, labels: Labels) -> float:
    """Share of rows whose class is the label."""
    return float((classes == labels).mean())


def rows_per_s(backend: Backend, x: torch.Tensor) -> float:
    """Speed on one batch, `[n, i]`; median of five passes."""
    passes_s = []
    for _ in range(5):  # odd, for the median
        start_s = perf_counter()
        backend.infer(x)
        passes_s.append(perf_counter() - start_s)
    return len(x) / median(passes_s)


def _chunks(images: Bytes, floats_per_row: int, progress: Progress) -> Iterator[Bytes]:
    rows = max(1, min(_CHUNK_ROWS, _CHUNK_FLOATS // floats_per_row))
    for start in range(0, len(images), rows):
        progress(start, len(images))
        yield images[start : start + rows]
