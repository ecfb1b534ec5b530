"""
An FFF beside its dense twin, offline: how often they agree, and what each row costs.

Both see the same rows, each scaled as its own manifest says. Time is the backends' alone: float
rows in, prediction out. FFF and dense take turns within every round, so that a machine that
slows down slows both, and go first by turns (`fff.comparison`); every call gets rows of its
own, so that no path and no leaf is hot merely because the last call took it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np
import torch
from torch import Tensor

from evaluation.datasets import Labels
from evaluation.errors import EvaluationError
from evaluation.evaluate import CPU, check_data, scaling_of
from evaluation.idx import Bytes
from fff.backends import Backend, build_backend
from fff.comparison import Agreement, Tally, turns
from fff.weights import weight_bytes
from model_store.store import Checkpoint, Store

BATCH_SIZES = (1, 8, 64, 512)
ROUNDS = 16  # even, so that both sides go first as often
ROWS_PER_TURN = 64  # at least: a turn of one single row would be mostly timer

_CHUNK_ROWS = 4096  # memory is bounded by the rows of a chunk, not by the data


_Pair = tuple[Checkpoint, Checkpoint]
_Backends = tuple[Backend, Backend]
_Inputs = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class Side:
    """
    One of the two networks.

    Attributes:
        name: Of the model.
        version: Of the model.
        kind: `fff` or `dense`.
        accuracy: Share of rows whose class is right, as served; None without labels.
        flops_per_row: Multiplications and additions.
        bytes_per_row: Weight bytes that one row alone must read.
        weight_bytes: Of the whole network.
    """

    name: str
    version: int
    kind: str
    accuracy: float | None
    flops_per_row: int
    bytes_per_row: int
    weight_bytes: int


@dataclass(frozen=True, slots=True)
class Timing:
    """
    Compute time per row at one batch size, medians over the rounds.

    Attributes:
        batch_rows: Rows computed at once.
        fff_us: Microseconds per row.
        dense_us: Microseconds per row.
        speedup: `dense_us / fff_us`; below 1 the FFF is the slower one.
    """

    batch_rows: int
    fff_us: float
    dense_us: float
    speedup: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    What serving the FFF instead of its twin changes.

    Attributes:
        fff: The FFF.
        dense: Its twin.
        agreement: On the given images; None without images.
        rounds: Rounds behind every timing.
        timings: One for each batch size.
    """

    fff: Side
    dense: Side
    agreement: Agreement | None
    rounds: int
    timings: list[Timing]


def load_pair(store: Store, name: str, version: int | None = None) -> _Pair:
    """
    Load a model, and the newest version of the dense twin that its manifest names.

    Raises:
        EvaluationError: If the manifest names no twin, or their shapes differ.
        StoreError: If one of them is not in the store or does not load.
    """
    model = store.load(name, version)
    if model.manifest.baseline is None:
        raise EvaluationError(
            f"model {name!r} must name a dense baseline to be compared with; it names none"
        )
    twin = store.load(model.manifest.baseline)
    ours, theirs = ([c.manifest.input_width, c.manifest.output_width] for c in (model, twin))
    if ours != theirs:
        raise EvaluationError(
            f"the baseline of {name!r} must have its input and output widths {ours}, "
            f"{twin.name!r} has {theirs}"
        )
    return model, twin


def compare(
    fff: Checkpoint,
    dense: Checkpoint,
    images: Bytes | None = None,
    labels: Labels | None = None,
    batch_sizes: Sequence[int] = BATCH_SIZES,
) -> Comparison:
    """
    Compare two networks on raw images, `[n, i]` uint8.

    Without images only cost and time are compared, on rows drawn from a normal distribution.

    Raises:
        EvaluationError: If a manifest has no uint8 scaling, or the data do not fit.
    """
    pair = (fff, dense)
    backends = (build_backend(fff.weights, CPU), build_backend(dense.weights, CPU))
    agreement: Agreement | None = None
    reached: tuple[float | None, float | None] = (None, None)
    if images is None:
        drawn = np.random.RandomState(0).normal(size=(_CHUNK_ROWS, fff.manifest.input_width))
        x = torch.from_numpy(drawn.astype(np.float32))
        timed = (x, x)
    else:
        for checkpoint in pair:
            check_data(checkpoint, images, labels)
        tally = _tally(pair, backends, images, labels)
        agreement, reached = tally.agreement, tally.accuracies
        timed = _decode(pair, images[:_CHUNK_ROWS])
    return Comparison(
        _side(fff, reached[0]),
        _side(dense, reached[1]),
        agreement,
        ROUNDS,
        [_time(backends, timed, rows) for rows in batch_sizes],
    )


def _side(checkpoint: Checkpoint, reached: float | None) -> Side:
    weights = checkpoint.weights
    return Side(
        checkpoint.name,
        checkpoint.version,
        checkpoint.kind,
        reached,
        weights.flops_per_row,
        weights.bytes_per_row,
        weight_bytes(weights),
    )


def _decode(pair: _Pair, images: Bytes) -> _Inputs:
    ours, theirs = (torch.from_numpy(scaling_of(c).decode(images)) for c in pair)
    return ours, theirs  # [n, i] each


def _tally(pair: _Pair, backends: _Backends, images: Bytes, labels: Labels | None) -> Tally:
    tally = Tally()
    for start in range(0, len(images), _CHUNK_ROWS):
        chunk = slice(start, start + _CHUNK_ROWS)
        inputs = _decode(pair, images[chunk])
        fff, dense = (b.infer(x).logits.numpy() for b, x in zip(backends, inputs, strict=True))
        tally.add(fff, dense, None if labels is None else labels[chunk])
    return tally


def _time(backends: _Backends, inputs: _Inputs, batch_rows: int) -> Timing:
    calls = max(1, ROWS_PER_TURN // batch_rows)
    turns_s: tuple[list[float], list[float]] = ([], [])
    for turn, order in enumerate(turns(ROUNDS)):
        for side in order:
            numbers = range(turn * calls, (turn + 1) * calls)
            batches = [_rows(inputs[side], number, batch_rows) for number in numbers]
            start = perf_counter()
            for batch in batches:
                backends[side].infer(batch)
            turns_s[side].append(perf_counter() - start)
    # The first round warmed up: allocations, threads, kernels compiled at first use.
    fff_us, dense_us = (median(s[1:]) / (calls * batch_rows) * 1e6 for s in turns_s)
    return Timing(batch_rows, fff_us, dense_us, dense_us / fff_us)


def _rows(x: Tensor, number: int, size: int) -> Tensor:
    return x[(torch.arange(size) + number * size) % len(x)]  # [size, i], around if rows run out
