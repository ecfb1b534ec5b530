"""One depth of `bench.million`: build, check against the reference, time, weigh."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median, quantiles

import psutil
import torch

from bench.memory_read import last_level_cache_bytes
from bench.million.cold import COLD, ColdModel
from bench.million.served import TOLERANCE
from bench.million.weights import dense, strip_tree
from bench.networks import Cell, Shape
from bench.parity import ParityError, check_logits
from bench.timing import Call, TimedCall, warm_call_s
from fff import reference
from fff.weights import FFFWeights

SEED = 0
_LEAST_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class RunOptions:
    """
    How all depths are measured.

    Attributes:
        storage: Type of the leaves' matrices; the dense layer's type too.
        threads: Of one call.
        rows: Of a call, one cell each.
        budget_s: Seconds of timing, each cell.
        dense_budget_s: Seconds of timing the dense layer, each number of rows; None leaves it out.
        cold: Whether weights are to come from memory.
    """

    storage: str
    threads: int
    rows: tuple[int, ...]
    budget_s: float
    dense_budget_s: float | None
    cold: bool


def cells(shape: Shape, options: RunOptions) -> Iterator[Cell]:
    """
    Measure a depth.

    Raises:
        ParityError: If a model does not compute what it is timed for.
    """
    generator = torch.Generator().manual_seed(SEED)
    weights = strip_tree(shape, generator)
    cold_bytes = COLD * last_level_cache_bytes() if options.cold else 0
    model = ColdModel(shape, weights, options.storage, options.threads, cold_bytes)
    _check(model, weights, options.storage, generator)
    of_ours = [_cell(shape, model, rows, options, generator) for rows in options.rows]
    del model  # the dense network needs the room
    dense_us = _dense_us(shape, options, generator)
    for cell in of_ours:
        us = dense_us.get(cell["batch"])
        yield cell | {"dense_us": us, "ratio_dense": us and us / cell["ours_us"]}


def _cell(
    shape: Shape,
    model: ColdModel,
    rows: int,
    options: RunOptions,
    generator: torch.Generator,
) -> Cell:
    ours, touched = model.calls(rows, generator)
    read, read_bytes = model.reader(generator)
    ours_s, read_s = _in_turn(ours, read, options.budget_s)
    ours_gbs, read_gbs = touched / median(ours_s) / 1e9, read_bytes / median(read_s) / 1e9
    return {
        **shape.fields,
        "neurons": shape.training_width,
        "storage": options.storage,
        "weight_bytes": model.bytes,
        "copies": len(model.kernels),
        "batch": rows,
        "ours_us": 1e6 * median(ours_s),
        "ours_p99_us": 1e6 * quantiles(ours_s, n=100)[-1],
        "ours_us_per_row": 1e6 * median(ours_s) / rows,
        "touched_bytes": touched,
        "ours_gb_s": ours_gbs,
        "read_gb_s": read_gbs,
        "fraction_of_read": ours_gbs / read_gbs,
        "rechecked_rows": sum(kernel.rechecked_rows for kernel in model.kernels),
    }


def _in_turn(ours: Call, read: Call, budget_s: float) -> tuple[list[float], list[float]]:
    """
    Time single calls: the reader once (1.3 ms), then ours for as long.

    No rest in between, as `bench.timing` takes for rivals with threads: it would cool the code.
    """
    ours_s: list[float] = []
    read_s: list[float] = []
    deadline_s = time.perf_counter() + budget_s
    while len(read_s) < _LEAST_ROUNDS or time.perf_counter() < deadline_s:
        begun_s = time.perf_counter()
        read()
        read_s.append(time.perf_counter() - begun_s)
        until_s = time.perf_counter() + read_s[-1]
        while (now_s := time.perf_counter()) < until_s:
            ours()
            ours_s.append(time.perf_counter() - now_s)
    return ours_s, read_s


def _check(model: ColdModel, weights: FFFWeights, storage: str, generator: torch.Generator) -> None:
    x = torch.randn(32, weights.input_width, generator=generator)
    truth = reference.infer(x, weights)
    for kernel in (model.kernels[0], model.kernels[-1]):
        prediction = kernel.infer(x)
        if not torch.equal(prediction.leaf, truth.leaf):
            raise ParityError("ours: rows take other leaves than the reference's")
        check_logits("ours", prediction.logits, truth.logits, TOLERANCE[storage])


def _dense_us(shape: Shape, options: RunOptions, generator: torch.Generator) -> dict[int, float]:
    """Microseconds of a call, by rows; empty if left out, or larger than the free memory."""
    if options.dense_budget_s is None:
        return {}
    dtype = getattr(torch, options.storage)
    weight_bytes = shape.training_width * (shape.i + shape.o) * dtype.itemsize
    hidden_bytes = 2 * 4 * shape.training_width * max(options.rows)
    if weight_bytes + hidden_bytes > 0.9 * psutil.virtual_memory().available:
        return {}
    run = dense(shape, dtype, generator)
    call_us = {}
    for rows in options.rows:
        x = torch.randn(rows, shape.i, generator=generator).to(dtype)
        timed = {"dense": TimedCall(partial(run, x))}
        call_us[rows] = 1e6 * warm_call_s(timed, options.dense_budget_s)["dense"]
    return call_us
