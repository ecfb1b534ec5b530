"""
A model, mostly an FFF, beside its baseline, offline: how often they agree, and what a row costs.

Both see the same rows, each scaled as its own manifest says, and compute with the same number of
threads (`evaluation.timing`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from evaluation.datasets import Labels
from evaluation.errors import EvaluationError
from evaluation.evaluate import CPU, check_data, scaling_of
from evaluation.idx import Bytes
from evaluation.progress import Progress, no_progress
from evaluation.regression import check_samples, computed, errors_of
from evaluation.samples import Samples
from evaluation.timing import Backends, Inputs, Timing, time_pair
from fff.agreement import AgreementRule
from fff.comparison import Agreement, Tally
from fff.weights import weight_bytes
from model_store.baseline import incomparable
from model_store.store import Checkpoint, Store
from networks.backends import build_backend

BATCH_SIZES = (1, 8, 64, 512)
_CHUNK_ROWS = 4096  # memory is bounded by the rows of a chunk, not by the data

Pair = tuple[Checkpoint, Checkpoint]
"""A model and its baseline."""


@dataclass(frozen=True, slots=True)
class ComparedNetwork:
    """
    One of the two networks: how good it is, and what it costs.

    Attributes:
        name: The model's name in the store.
        version: The model's version, from 1.
        kind: A name of `fff.names.Kind`.
        accuracy: Share of rows whose class is right, as served, 0 to 1; None without labels.
        rmse: Root of the mean squared error, mean over the targets; None without values.
        flops_per_row: Multiplications and additions of one row.
        bytes_per_row: Weight bytes that one row alone must read.
        weight_bytes: Bytes of all of the network's tensors.
    """

    name: str
    version: int
    kind: str
    accuracy: float | None
    rmse: float | None
    flops_per_row: int
    bytes_per_row: int
    weight_bytes: int


@dataclass(frozen=True, slots=True)
class OfflineComparison:
    """
    What serving the FFF instead of its twin changes; the fields of `fff-serve compare --json`.

    Attributes:
        fff: Accuracy and cost of the FFF.
        dense: Accuracy and cost of its twin.
        agreement: Of the two on the given images; None without images.
        threads: Threads that each side computes with.
        timings: One for each batch size, in the order given.
    """

    fff: ComparedNetwork
    dense: ComparedNetwork
    agreement: Agreement | None
    threads: int
    timings: list[Timing]


def load_pair(store: Store, name: str, version: int | None = None) -> Pair:
    """
    Load a model, and the newest version of the baseline that its manifest names.

    Raises:
        EvaluationError: If the manifest names none, or their answers cannot be compared.
        StoreError: If one of them is not in the store or does not load.
    """
    model = store.load(name, version)
    if model.manifest.baseline is None:
        raise EvaluationError(
            f"model {name!r} must name a baseline to be compared with; it names none"
        )
    twin = store.load(model.manifest.baseline)
    if difference := incomparable(model.manifest, twin.manifest):
        raise EvaluationError(
            f"the baseline of {name!r} must take and predict the same; {twin.name!r} {difference}"
        )
    return model, twin


def compare(
    fff: Checkpoint,
    dense: Checkpoint,
    images: Bytes | None = None,
    labels: Labels | None = None,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    threads: int = 1,
    progress: Progress = no_progress,
) -> OfflineComparison:
    """
    Compare two networks on raw images, `[n, i]` uint8, and their classes, `[n]` int64.

    Without images only cost and time are compared, on rows drawn from a normal distribution. Both
    compute with `threads` threads. `progress` is called between what is timed, never meanwhile.

    Raises:
        EvaluationError: If a manifest has no uint8 scaling, or the data do not fit.
    """
    pair = (fff, dense)
    backends = (
        build_backend(fff.weights, CPU, threads=threads),
        build_backend(dense.weights, CPU, threads=threads),
    )
    agreement: Agreement | None = None
    accuracies: tuple[float | None, float | None] = (None, None)
    if images is None:
        inputs = _random_inputs(fff.manifest.input_width)
    else:
        for checkpoint in pair:
            check_data(checkpoint, images, labels)
        tally = _tally(pair, backends, images, labels)
        agreement, accuracies = tally.agreement, tally.accuracies
        inputs = _decode(pair, images[:_CHUNK_ROWS])
    return OfflineComparison(
        fff=_compared_network(fff, accuracies[0]),
        dense=_compared_network(dense, accuracies[1]),
        agreement=agreement,
        threads=threads,
        timings=_timings(backends, inputs, batch_sizes, threads, progress),
    )


def compare_samples(
    fff: Checkpoint,
    dense: Checkpoint,
    samples: Samples,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    threads: int = 1,
    progress: Progress = no_progress,
) -> OfflineComparison:
    """
    Compare two networks on samples, of values or classes; the rest as `compare` has it.

    Raises:
        EvaluationError: If the samples do not fit.
    """
    pair = (fff, dense)
    backends = (
        build_backend(fff.weights, CPU, threads=threads),
        build_backend(dense.weights, CPU, threads=threads),
    )
    for checkpoint in pair:
        check_samples(checkpoint, samples)
    outputs = [computed(backend, samples.x)[0] for backend in backends]
    tally = Tally(AgreementRule(fff.manifest.tolerances))
    regression = samples.task == "regression"
    tally.add(outputs[0], outputs[1], None if regression else samples.labels)
    errors: list[float | None] = [None, None]
    if regression:
        errors = [float(errors_of(each, samples.y)[0].mean()) for each in outputs]
    x = torch.from_numpy(samples.x[:_CHUNK_ROWS])
    return OfflineComparison(
        fff=_compared_network(fff, tally.accuracies[0], errors[0]),
        dense=_compared_network(dense, tally.accuracies[1], errors[1]),
        agreement=tally.agreement,
        threads=threads,
        timings=_timings(backends, (x, x), batch_sizes, threads, progress),
    )


def _timings(
    backends: Backends,
    inputs: Inputs,
    batch_sizes: Sequence[int],
    threads: int,
    progress: Progress,
) -> list[Timing]:
    timings: list[Timing] = []
    for rows in batch_sizes:
        progress(len(timings), len(batch_sizes))
        timings.append(time_pair(backends, inputs, rows, threads))
    return timings


def _compared_network(
    checkpoint: Checkpoint, accuracy: float | None, rmse: float | None = None
) -> ComparedNetwork:
    weights = checkpoint.weights
    return ComparedNetwork(
        checkpoint.name,
        checkpoint.version,
        checkpoint.kind,
        accuracy,
        rmse,
        weights.flops_per_row,
        weights.bytes_per_row,
        weight_bytes(weights),
    )


def _random_inputs(input_width: int) -> Inputs:
    rows = np.random.RandomState(0).normal(size=(_CHUNK_ROWS, input_width))
    x = torch.from_numpy(rows.astype(np.float32))  # [n, i]
    return x, x


def _decode(pair: Pair, images: Bytes) -> Inputs:
    fff_x, dense_x = (torch.from_numpy(scaling_of(c).decode(images)) for c in pair)
    return fff_x, dense_x  # [n, i] each


def _tally(pair: Pair, backends: Backends, images: Bytes, labels: Labels | None) -> Tally:
    tally = Tally(AgreementRule(pair[0].manifest.tolerances))
    for start in range(0, len(images), _CHUNK_ROWS):
        chunk = slice(start, start + _CHUNK_ROWS)
        inputs = _decode(pair, images[chunk])
        fff, dense = (b.infer(x).logits.numpy() for b, x in zip(backends, inputs, strict=True))
        tally.add(fff, dense, None if labels is None else labels[chunk])
    return tally
