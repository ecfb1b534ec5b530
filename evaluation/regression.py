"""
How far a network's values are from the right ones, as served.

Covered:      root mean squared error, mean absolute error and R², of each target and of all.
Not covered:  classes (`evaluation.evaluate`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from evaluation.errors import EvaluationError
from evaluation.evaluate import CPU, rows_per_s
from evaluation.leaf_counts import LayerUse, LeafCounts
from evaluation.progress import Progress, no_progress
from evaluation.samples import Samples
from fff.backends import Backend
from fff.torch_threads import torch_threads
from model_store.store import Checkpoint
from networks.backends import build_backend

Values = npt.NDArray[np.float32]

_CHUNK_ROWS = 8192


@dataclass(frozen=True, slots=True)
class TargetError:
    """
    How far one target's values are from the right ones.

    Attributes:
        name: The target's; `output 0`, … where the manifest names none.
        unit: Of the errors; None where nobody said.
        rmse: Root of the mean squared error.
        mae: Mean absolute error.
        r2: `1 - SSE / SST`: 1 is perfect, 0 as good as the rows' own mean; 0 where they are alike.
    """

    name: str
    unit: str | None
    rmse: float
    mae: float
    r2: float


@dataclass(frozen=True, slots=True)
class RegressionEvaluation:
    """
    What a network reaches on samples; the fields of `fff-serve evaluate --json`.

    Attributes:
        rows: Samples evaluated.
        rmse, mae, r2: Means over the targets; of one target, its own, in its unit.
        targets: Of each one.
        leaves_used: Leaves that at least one row reached.
        leaves: Leaves; 0 for any other network than an FFF.
        leaf_shares: Share of the rows per leaf, `[2**d]`; they sum to 1 in each layer.
        layers: Of each layer that routes, in order.
        rows_per_s: Speed on one batch of all rows, at most 8192; median of five passes.
        threads: Threads behind `rows_per_s`.
    """

    rows: int
    rmse: float
    mae: float
    r2: float
    targets: list[TargetError]
    leaves_used: int
    leaves: int
    leaf_shares: list[float]
    layers: list[LayerUse]
    rows_per_s: float
    threads: int


def evaluate_regression(
    checkpoint: Checkpoint, samples: Samples, threads: int = 1, progress: Progress = no_progress
) -> RegressionEvaluation:
    """
    Measure a checkpoint on samples with values.

    Args:
        checkpoint: The network.
        samples: A regression.
        threads: That it computes with.
        progress: Told of rows; of nothing while speed is measured.

    Raises:
        EvaluationError: If they do not fit together, or an answer is not finite.
    """
    check_samples(checkpoint, samples)
    weights = checkpoint.weights
    backend = build_backend(weights, CPU, threads=threads)
    with torch_threads(threads):
        values, leaf = computed(backend, samples.x, progress)
        if not np.isfinite(values).all():
            raise EvaluationError(f"model {checkpoint.name!r} gives values that are not finite")
        speed = rows_per_s(backend, torch.from_numpy(samples.x[:_CHUNK_ROWS]))
    named = checkpoint.manifest.targets or []
    names = [(target.name, target.unit) for target in named]
    names = names or [(f"output {place}", None) for place in range(weights.output_width)]
    errors = errors_of(values, samples.y)
    leaves = LeafCounts(weights, leaf)
    return RegressionEvaluation(
        rows=len(samples),
        rmse=float(errors[0].mean()),
        mae=float(errors[1].mean()),
        r2=float(errors[2].mean()),
        targets=[
            TargetError(name, unit, *of_target)
            for (name, unit), of_target in zip(names, np.stack(errors, 1).tolist(), strict=True)
        ],
        leaves_used=leaves.used,
        leaves=leaves.leaves,
        leaf_shares=leaves.shares,
        layers=leaves.layers,
        rows_per_s=speed,
        threads=threads,
    )


Errors = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""RMSE, MAE and R² of each target, `[o]` each."""


def errors_of(values: npt.NDArray[np.floating], right: npt.NDArray[np.generic]) -> Errors:
    """Of what was computed, `[n, o]`, and what is right, `[n, o]`."""
    truth = right.astype(np.float64)
    missed = values - truth
    squared = (missed**2).sum(0)
    spread = ((truth - truth.mean(0)) ** 2).sum(0)
    r2 = np.where(spread > 0, 1 - squared / np.where(spread > 0, spread, 1), 0.0)
    return np.sqrt(squared / len(truth)), np.abs(missed).mean(0), r2


def computed(
    backend: Backend, x: Values, progress: Progress = no_progress
) -> tuple[Values, npt.NDArray[np.int32]]:
    """Outputs, `[n, o]` float32, and leaves, `[n, layers]` int32, of `[n, i]`, in chunks."""
    found = []
    for start in range(0, len(x), _CHUNK_ROWS):
        progress(start, len(x))
        found.append(backend.infer(torch.from_numpy(x[start : start + _CHUNK_ROWS])))
    values = np.concatenate([each.logits.numpy() for each in found])
    return values, np.concatenate([each.leaf.numpy() for each in found])


def check_samples(checkpoint: Checkpoint, samples: Samples) -> None:
    """
    Refuse samples that a model cannot be measured on.

    Raises:
        EvaluationError: Naming what was expected, and what was given.
    """
    manifest, name = checkpoint.manifest, checkpoint.name
    if manifest.task != samples.task:
        raise EvaluationError(f"model {name!r} is for {manifest.task}, {samples.name} is not")
    widths = [samples.x.shape[1], samples.output_width]
    if widths != [manifest.input_width, manifest.output_width]:
        raise EvaluationError(
            f"model {name!r} takes {manifest.input_width} and gives {manifest.output_width} "
            f"numbers a row, {samples.name} has {widths[0]} and {widths[1]}"
        )
