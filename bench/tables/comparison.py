"""
Who predicts the public tables how well, and at what cost: an FFF, its rivals, and a booster.

All learn from the same rows and are tested on the same held-out ones; a booster stops by a share of
the rows, as networks do. A row's time is that of one thread, of what is served (a network's kernel,
scikit-learn's `predict`), of rows that are ready for it.

Covered:      errors and accuracies over seeds, FLOPs, bytes, time at three batch sizes.
Not covered:  encoding of categories, a service around either.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from bench.tables.sources import TABLES
from bench.timing import TimedCall, warm_call_s
from evaluation.booster import Booster, fit_booster
from evaluation.regression import errors_of
from evaluation.samples import Samples
from evaluation.tables import TableForm, load_tables
from fff.weights import weight_bytes
from model_store.store import Store
from networks.backends import build_backend
from networks.weights import AnyWeights
from training.recipes.table import RECIPE
from training.table.models import train_table

BATCHES = (1, 64, 4096)
DENSE_WIDTHS = (64, 512)


@dataclass(frozen=True, slots=True)
class Figures:
    """
    One side of one table.

    Attributes:
        name: Of the side.
        reached: Test RMSE, or the share of rows whose class is right; one for each seed.
        flops: Of a row; None of a booster, which compares and looks up.
        row_bytes: Weight bytes that one row reads; likewise.
        all_bytes: Of all weights, or of all the booster's nodes.
        row_us: Microseconds of a row, for each of `BATCHES`.
    """

    name: str
    reached: list[float]
    flops: int | None
    row_bytes: int | None
    all_bytes: int
    row_us: list[float]


def compare_table(name: str, folder: Path, seeds: int, budget_s: float = 6.0) -> list[Figures]:
    """
    Train and measure all sides on a table that was written.

    Args:
        name: Of `TABLES`.
        folder: Its own.
        seeds: From 0 on; what is timed is of the first.
        budget_s: Seconds to time all sides in, at each batch size.
    """
    train, test = load_tables(folder, TableForm(TABLES[name].target))
    reached: dict[str, list[float]] = {}
    first: dict[str, AnyWeights | Booster] = {}
    for seed in range(seeds):
        for side, trained in _sides(train, test, seed):
            first.setdefault(side, trained)
            reached.setdefault(side, []).append(_reached(trained, test))
    times = {batch: _times(first, test, batch, budget_s) for batch in BATCHES}
    return [
        Figures(
            side,
            reached[side],
            None if isinstance(trained, Booster) else trained.flops_per_row,
            None if isinstance(trained, Booster) else trained.bytes_per_row,
            _all_bytes(trained),
            [times[batch][side] / batch * 1e6 for batch in BATCHES],
        )
        for side, trained in first.items()
    ]


def markdown(figures: list[Figures], regression: bool) -> Iterator[str]:
    """Lines of a table."""
    kind = "test RMSE" if regression else "right, %"
    heads = ["", kind, "FLOPs", "bytes a row", "all bytes"]
    yield "| " + " | ".join([*heads, *(f"µs at {batch:,}" for batch in BATCHES)]) + " |"
    yield "|---|" + "--:|" * (len(heads) - 1 + len(BATCHES))
    for each in figures:
        factor, digits = (1.0, 1) if regression else (100.0, 2)
        values = [factor * value for value in each.reached]
        spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
        cells = [
            each.name,
            f"{mean(values):.{digits}f}{spread}",
            *("" if n is None else f"{n:,}" for n in (each.flops, each.row_bytes)),
            f"{each.all_bytes:,}",
            *(f"{us:.3g}" for us in each.row_us),
        ]
        yield "| " + " | ".join(cells) + " |"


def _sides(train: Samples, test: Samples, seed: int) -> Iterator[tuple[str, AnyWeights | Booster]]:
    """Train every side with a seed."""
    with TemporaryDirectory() as folder:
        store = Store(Path(folder))
        rivals = ["dense", "low-rank", "multilayer"]
        for model in train_table(RECIPE, train, test, store, "fff", seed, _silent, rivals):
            yield model.name.removeprefix("fff-"), model.weights
        for width in DENSE_WIDTHS:
            of_width = RECIPE.override({"family": "dense", "hidden_width": width})
            (model,) = train_table(of_width, train, test, store, "dense", seed, _silent, ())
            yield f"dense, {width}", model.weights
    yield "booster", fit_booster(train, RECIPE.validation_share, seed)


def _silent(model: str, done: int, total: int) -> None:
    """Nobody is told."""


def _outputs(trained: AnyWeights | Booster, x: np.ndarray) -> np.ndarray:
    if isinstance(trained, Booster):
        return trained.outputs(x)
    backend = build_backend(trained, torch.device("cpu"), threads=1)
    return backend.infer(torch.from_numpy(x)).logits.numpy()


def _reached(trained: AnyWeights | Booster, test: Samples) -> float:
    outputs = _outputs(trained, test.x)
    if test.task == "regression":
        return float(errors_of(outputs.astype(np.float32), test.y)[0].mean())
    return float((outputs.argmax(1) == test.labels).mean())


def _times(
    sides: dict[str, AnyWeights | Booster], test: Samples, batch: int, budget_s: float
) -> dict[str, float]:
    """Seconds of a call of each."""
    x = np.ascontiguousarray(test.x[np.arange(batch) % len(test)])
    with threadpool_limits(1):
        calls = {side: TimedCall(_call(trained, x)) for side, trained in sides.items()}
        return warm_call_s(calls, budget_s)


def _call(trained: AnyWeights | Booster, x: np.ndarray) -> Callable[[], object]:
    if isinstance(trained, Booster):
        rows = trained.rows(x)
        predict = trained.model.predict
        return lambda: predict(rows)
    backend = build_backend(trained, torch.device("cpu"), threads=1)
    tensor = torch.from_numpy(x)
    return lambda: backend.infer(tensor)


def _all_bytes(trained: AnyWeights | Booster) -> int:
    return trained.bytes if isinstance(trained, Booster) else weight_bytes(trained)
