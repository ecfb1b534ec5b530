"""The kernel bench's measuring: at every shape and condition, all sides in turn."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from bench.kernels.cells import ROUTER_ALONE, Ceiling, cell
from bench.kernels.floor import Traffic, model_bytes, traffic
from bench.kernels.grid import Condition, Grid
from bench.kernels.parity import check, check_routing
from bench.kernels.sides import MIXTURES, TOUCH_EVERYTHING, compiled_dense, contenders, sgemm
from bench.memory_read import Bytes, Reader, flusher, written_buffer
from bench.networks import Cell, Shape
from bench.rivals import Run
from bench.rows import batches, random_rows, rows_needed
from bench.timing import Call, TimedCall, cold_call_s, warm_call_s
from fff import reference
from fff.weights import FeedForwardWeights

SGEMM_SIZE = 768  # large enough for full speed, short enough to repeat in every cell
AUTHORS_ROWS = 32  # beyond, a call takes tens of milliseconds and says nothing new
COLD_ROUNDS = 7
_SEED = 0


@dataclass(slots=True)
class Bench:
    """
    What all cells share.

    Attributes:
        threads: Of every side.
        pool: Threads for the readers.
        compiles: Whether to measure `dense_compiled`.
        no_compiler: Why this machine compiles nothing, once that is known.
        generator: Draws weights and rows.
    """

    threads: int
    pool: Executor
    compiles: bool
    no_compiler: str | None = None
    generator: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(_SEED))

    def cells(self, grid: Grid, budget_s: float) -> Iterator[Cell]:
        """
        Measure a grid.

        Raises:
            ParityError: If a side does not compute what it is timed for.
        """
        deadline_s, left = time.monotonic() + budget_s, len(grid)
        flush = flusher(self.threads, self.pool)
        for shape in grid.shapes:
            torch.compiler.reset()  # each shape is a program of its own, not a recompilation
            cells = ShapeBench(self, shape, flush)
            for condition in grid.conditions:
                yield cells.measure(condition, max(0.0, deadline_s - time.monotonic()) / left)
                left -= 1

    def compiled_dense(self, weights: FeedForwardWeights, batch: int) -> dict[str, Run]:
        """Compile, or note why that is impossible here and return nothing."""
        if not self.compiles or self.no_compiler:
            return {}
        try:
            return {"dense_compiled": compiled_dense(weights, batch)}
        except RuntimeError as exc:
            self.no_compiler = str(exc).strip().partition("\n")[0] or type(exc).__name__
            return {}

    def timed(self, call: Call, lap: int = 1, threads: int = 0) -> TimedCall:
        """Time a call on `threads` threads of torch, by default on all."""
        return TimedCall(call, lap, partial(torch.set_num_threads, threads or self.threads))


class ShapeBench:
    """The cells of one shape; its networks live as long as this."""

    def __init__(self, bench: Bench, shape: Shape, flush: Reader):
        self._bench, self._shape, self._flush = bench, shape, flush
        self._contenders = contenders(shape, bench.generator, bench.threads)
        self._buffer: Bytes = written_buffer(model_bytes(self._contenders.tree))
        self._compiled: dict[int, dict[str, Run]] = {}  # by batch size
        square = (torch.randn(SGEMM_SIZE, SGEMM_SIZE, generator=bench.generator) for _ in "ab")
        self._sgemm = bench.timed(partial(sgemm, *square))

    def measure(self, condition: Condition, budget_s: float) -> Cell:
        """Draw rows, check every side on them, time them all in some `budget_s` seconds."""
        bench, tree, batch = self._bench, self._contenders.tree, condition.batch
        count = rows_needed(batch, tree.leaves)
        rows = random_rows(condition.routing, count, tree, bench.generator)
        leaf, _ = reference.route(rows, tree)
        check_routing(leaf, condition.routing, tree)
        met = traffic(leaf, batch, tree)
        runs = self._runs(batch)
        check(replace(self._contenders, runs=runs), rows[:batch])
        sides = self.sides(runs, rows, batch)
        if condition.weights == "warm":
            call_s, bytes_s = self._time_warm(sides, met, budget_s)
        else:
            call_s, bytes_s = self._time_cold(sides)
        torch.set_num_threads(bench.threads)
        ceiling = Ceiling(2 * SGEMM_SIZE**3 / call_s["sgemm"], bytes_s)
        return cell(self._shape, condition, tree, call_s, ceiling, met, bench.threads)

    def sides(self, runs: Mapping[str, Run], rows: Tensor, batch: int) -> dict[str, TimedCall]:
        """
        Make the sides of a cell.

        A mixture is there twice. Threads with which torch has multiplied for the router spin for
        milliseconds on the cores that the leaf kernel wants; whether a router with all threads
        or with one is faster depends on the cell, and the faster counts.
        """
        bench, sides = self._bench, {}
        for name, run in runs.items():
            if name == "authors" and batch > AUTHORS_ROWS:
                continue
            lap = 1 if name in TOUCH_EVERYTHING else len(rows) // batch
            for threads in {1, bench.threads} if name in MIXTURES else {bench.threads}:
                key = name if threads == bench.threads else name + ROUTER_ALONE
                call = partial(_run_next, run, batches(rows, batch))
                sides[key] = bench.timed(call, lap, threads)
        return sides

    def _runs(self, batch: int) -> dict[str, Run]:
        """Every side's computation, the compiled one too where it is possible."""
        if batch not in self._compiled:
            self._compiled[batch] = self._bench.compiled_dense(self._contenders.wide, batch)
        return self._contenders.runs | self._compiled[batch]

    def _time_warm(
        self, sides: dict[str, TimedCall], met: Traffic, budget_s: float
    ) -> tuple[dict[str, float], float]:
        """Seconds of a call of each side, and bytes a second of reading what a batch reads."""
        reader = Reader(self._buffer, met.pieces, self._bench.threads, self._bench.pool)
        ceilings = {"sgemm": self._sgemm, "read": self._bench.timed(reader)}
        call_s = warm_call_s(ceilings | sides, budget_s)
        return call_s, reader.bytes / call_s["read"]

    def _time_cold(self, sides: dict[str, TimedCall]) -> tuple[dict[str, float], float]:
        """The same with cold weights; the flush is what is read."""
        call_s, flush_s = cold_call_s(sides, self._flush, COLD_ROUNDS)
        return call_s | warm_call_s({"sgemm": self._sgemm}, 0), self._flush.bytes / flush_s


def _run_next(run: Run, rows: Iterator[Tensor]) -> None:
    run(next(rows))
