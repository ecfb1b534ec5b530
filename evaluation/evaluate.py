"""
How good a network is on labelled images: hard and soft accuracy, calibration, use of its leaves.

Hard is what is served: one leaf per row. Soft is the papers' mixture, by the product of the sigmoid
decisions on a leaf's path, whatever gate they were learnt by. Images come as raw bytes and are
scaled as the manifest says, a chunk at a time, so memory does not grow with the data.
"""

from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np
import torch

from evaluation.calibration import Calibration, Logits, calibration
from evaluation.dataset import Labels
from evaluation.errors import EvaluationError
from evaluation.fitting import check_data as check_data
from evaluation.fitting import check_finite
from evaluation.fitting import scaling_of as scaling_of
from evaluation.idx import Bytes
from evaluation.leaf_counts import LayerUse, LeafCounts, Leaves
from evaluation.progress import Progress, no_progress, part
from evaluation.soft import CHUNK_ROWS, chunks, routes, soft_classes
from fff.backends import Backend
from fff.torch_threads import torch_threads
from model_store.manifest import Uint8Scaling
from model_store.store import Checkpoint
from networks.backends import build_backend
from networks.weights import AnyWeights

CPU = torch.device("cpu")


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
        leaf_shares: Share of the rows per leaf, `[2**d]`; they sum to 1 in each layer.
        layers: Of each layer that routes, in order.
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
    layers: list[LayerUse]
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
        leaves: Rows of each leaf.
        calibration: Of what is served.
    """

    backend: Backend
    hard_accuracy: float
    soft_accuracy: float
    leaves: LeafCounts
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
        x = torch.from_numpy(scaling_of(checkpoint).decode(images[:CHUNK_ROWS]))
        speed = rows_per_s(found.backend, x)
    return Evaluation(
        rows=len(images),
        hard_accuracy=found.hard_accuracy,
        soft_accuracy=found.soft_accuracy,
        leaves_used=found.leaves.used,
        leaves=found.leaves.leaves,
        leaf_shares=found.leaves.shares,
        layers=found.leaves.layers,
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
    passes = 2 if routes(weights) else 1
    with torch_threads(threads):
        logits, leaf = hard_logits(backend, scaling, images, part(progress, 0, passes))
        check_finite(checkpoint, logits)
        hard = soft = accuracy(logits.argmax(1), labels)
        if routes(weights):
            by_mixture = soft_classes(weights, scaling, images, part(progress, 1, passes))
            soft = accuracy(by_mixture, labels)
    return Answers(backend, hard, soft, LeafCounts(weights, leaf), calibration(logits, labels))


def hard_logits(
    backend: Backend, scaling: Uint8Scaling, images: Bytes, progress: Progress = no_progress
) -> tuple[Logits, Leaves]:
    """
    Take every image through the served path, in chunks.

    Returns:
        logits: Of every image, `[n, o]`, float32.
        leaf: Leaf index per routed layer, `[n, layers]`, int32; of each token, `[n, layers, t]`.
    """
    parts = chunks(images, images.shape[1], progress)
    predictions = [backend.infer(torch.from_numpy(scaling.decode(part))) for part in parts]
    logits = np.concatenate([p.logits.numpy() for p in predictions])
    return logits, np.concatenate([p.leaf.numpy() for p in predictions])


def hard_pass(
    backend: Backend, scaling: Uint8Scaling, images: Bytes, progress: Progress = no_progress
) -> tuple[Labels, Leaves]:
    """
    Take every image through the served path, in chunks.

    Returns:
        classes: Class of every image, `[n]`, int64.
        leaf: Leaf index per routed layer, `[n, layers]`, int32; of each token, `[n, layers, t]`.
    """
    logits, leaf = hard_logits(backend, scaling, images, progress)
    return logits.argmax(1), leaf


def reference_leaf_rows(
    weights: AnyWeights, scaling: Uint8Scaling, images: Bytes
) -> list[list[int]]:
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
    return [rows.tolist() for rows in LeafCounts(weights, leaf).rows]


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
