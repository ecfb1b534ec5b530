"""
The grid: our kernels against everything else, weights warm and cold, one line a cell.

Covered:      six layers in bfloat16 and three in float32, six batch sizes; for two layers rows
              that share a leaf; graphs, and launches without one; our whole path from the host and
              back; ours a second time, for what two times of one side differ by.
Not covered:  fp8, master leaves, rows of a trained model, energy, compiled dense networks
              (`bench.gpu.compiled_dense`).
"""

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from bench.gpu.ahead import Job
from bench.gpu.cells import compared, modelled, named
from bench.gpu.costs import ours_s, side_s
from bench.gpu.device import Device, Times
from bench.gpu.held import Holder, Layer, cell_name
from bench.gpu.journal import Fields
from bench.gpu.sides import (
    Batches,
    Make,
    Sides,
    dense_sides,
    gathered_bytes,
    in_tf32,
    sides,
)
from bench.gpu.steps import Step, attempt
from bench.gpu.target import Case, Limits
from bench.gpu.verify import verify
from bench.networks import Shape
from fff.kernels.gpu.layer import LEAF_DTYPES
from fff.kernels.gpu.tuning import Tuning

BFLOAT16 = (
    *(Shape(768, 768, 16, 8), Shape(4096, 4096, 32, 9), Shape(4096, 4096, 64, 11)),
    *(Shape(784, 10, 16, 6), Shape(2048, 2048, 16, 9), Shape(1024, 1024, 1, 11)),
)
FLOAT32 = (Shape(768, 768, 16, 8), Shape(784, 10, 16, 6), Shape(4096, 4096, 32, 9))
LAYERS = (*((s, "bfloat16") for s in BFLOAT16), *((s, "float32") for s in FLOAT32))
BATCHES = (1, 8, 32, 128, 512, 4096)
ONE_LEAF, ONE_LEAF_ROWS = LAYERS[:2], 128  # where a batch's rows share a leaf, too: from here on
EAGER_BATCH = 32  # at which launches without a graph are timed, once a layer
OURS = "ours"
STRONG = ("grouped_mm", "transformers", "gather_routed")  # timed as often as ours
ONLY_WARM = ("gather", "moe2")
_COMPILE_S = 20  # at most, ahead
T = TypeVar("T")


class Grid:
    """
    The grid on one device.

    Args:
        device: That is timed.
        limits: By which targets are computed.
        tuning: Of our launches.
        broken: Rivals that broke the device before, in another process: they are left out.
    """

    def __init__(
        self, device: Device, limits: Limits, tuning: Tuning, broken: Collection[str] = ()
    ):
        self._device, self._limits, self._tuning = device, limits, tuning
        self._holder, self._broken = Holder(device, tuning), set(broken) - {OURS}

    def steps(
        self, layers: Sequence[tuple[Shape, str]] = LAYERS, batches: Sequence[int] = BATCHES
    ) -> Iterator[Step]:
        """One for each cell; the layers that matter most come first."""
        yield Step("compile", partial(self._compile, layers=layers))
        for layer, rows in itertools.product(layers, batches):
            for warm in (True, False):
                yield self._step(layer, rows, warm=warm)
            if layer in ONE_LEAF and rows >= ONE_LEAF_ROWS:
                yield self._step(layer, rows, one_leaf=True)

    def _step(
        self, layer: tuple[Shape, str], rows: int, warm: bool = True, one_leaf: bool = False
    ) -> Step:
        shape, dtype = layer
        case = Case(shape, rows, LEAF_DTYPES[dtype].itemsize, warm, one_leaf)
        name = cell_name(shape, dtype, rows, "warm" if warm else "cold", *["one leaf"] * one_leaf)
        return Step(name, partial(self._cell, case=case, dtype=dtype))

    def _compile(self, fields: Fields, layers: Sequence[tuple[Shape, str]]) -> None:
        jobs = [Job(s, dtype, tuning=self._tuning, mixture=True) for s, dtype in layers]
        fields |= self._device.compile_ahead(jobs, _COMPILE_S)

    def _cell(self, fields: Fields, case: Case, dtype: str) -> None:
        layer = self._holder.layer(case.shape, dtype)
        batches = layer.batches(case.batch, case.one_leaf)
        case = replace(case, lap=len(batches.memory))
        fields |= named(case, dtype) | modelled(case, self._limits)
        cell = Cell(fields, self._device, layer, batches, case)
        try:
            if case.warm:
                cell.verify()
            cell.time_ours()
            cell.time_dense(self._broken)
            if case.warm:
                cell.time_from_the_host()
            cell.time_rivals(self._broken)
            cell.time_ours("ours_again")
        finally:
            fields |= compared(fields, case)


class Cell:
    """
    One cell while it is measured.

    Args:
        fields: Filled.
        device: That is timed.
        layer: On the device.
        batches: Of the cell's size.
        case: The cell.
    """

    def __init__(self, fields: Fields, device: Device, layer: Layer, batches: Batches, case: Case):
        self._fields, self._device, self._case = fields, device, case
        self._layer, self._nets, self._batches = layer, layer.nets, batches

    def verify(self) -> None:
        """Hold the answers against the reference first."""
        self._attempt("verify", lambda: verify(self._fields, self._nets, self._batches))

    def time_ours(self, name: str = OURS) -> None:
        """Time our kernels."""
        self._note(name, self._graph(OURS, sides(self._nets, self._batches)[OURS]))

    def time_rivals(self, broken: Collection[str]) -> None:
        """Time all others but the dense network of training width."""
        for name, make in self._rivals().items():
            if name in broken:
                self._fields.setdefault("errors", {})[name] = "broke the device before"
            else:
                self._note(name, self._graph(name, make, quick=name not in STRONG))

    def time_dense(self, broken: Collection[str]) -> None:
        """Time every way to write it where weights are warm, the best one where they are cold."""
        ways, known = dense_sides(self._nets, self._batches), self._layer.best_dense
        if not self._case.warm and (best := known.get(self._case.batch)):
            ways = {best: ways[best]}
        tried = {
            way: self._graph(way, make, True) for way, make in ways.items() if way not in broken
        }
        found = {way: times for way, times in tried.items() if times is not None}
        if not found:
            return
        best = min(found, key=lambda way: found[way].p50_us)
        known[self._case.batch] = self._fields["dense_form"] = best
        self._fields["dense_forms_us"] = {way: times.p50_us for way, times in found.items()}
        self._note("dense", self._graph(best, ways[best]) or found[best])
        if self._case.element_bytes == 4:
            self._note("dense_tf32", self._graph("dense_tf32", lambda: in_tf32(ways[best]())))

    def time_from_the_host(self) -> None:
        """Time our path with its copies; at one batch size launches without a graph, too."""
        device, call_s = self._device, ours_s(self._case)
        served = self._layer.served(self._batches)
        self._note(
            "ours_wall", self._attempt("ours_wall", lambda: device.wall_times(served, call_s))
        )
        if self._case.batch != EAGER_BATCH:
            return
        dense = dense_sides(self._nets, self._batches)["fused_rows"]
        ours = sides(self._nets, self._batches)[OURS]
        for name, make in (("ours_eager", ours), ("dense_eager", dense)):
            run = partial(_eager, device, make, call_s)
            self._note(name, self._attempt(name, run))

    def _rivals(self) -> Sides:
        """Sides to time; the gather form only where there is memory for its copies."""
        found = sides(self._nets, self._batches)
        del found[OURS]
        if not self._case.warm:
            found = {name: make for name, make in found.items() if name not in ONLY_WARM}
        copied, free = gathered_bytes(self._nets, self._case.batch), self._device.free_bytes()
        if copied > free // 2:
            reason = f"would copy {copied / 1e9:.0f} GB, {free / 1e9:.0f} GB are free"
            for name in [name for name in found if name.startswith("gather")]:
                del found[name]
                self._fields.setdefault("errors", {})[name] = reason
        return found

    def _graph(self, name: str, make: Make, quick: bool = False) -> Times | None:
        case = self._case

        def run() -> Times:
            cold, call_s = not case.warm, side_s(name, case)
            return self._device.graph_times(make(), call_s, cold=cold, quick=quick)

        return self._attempt(name, run)

    def _attempt(self, name: str, call: Callable[[], T]) -> T | None:
        return attempt(self._fields, name, self._device, call)

    def _note(self, name: str, times: Times | None) -> None:
        note(self._fields, name, times)


def note(fields: Fields, name: str, times: Times | None) -> None:
    """Write a side's times, if there are any."""
    if times is not None:
        fields[f"{name}_us"], fields[f"{name}_p99_us"] = times.p50_us, times.p99_us


def _eager(device: Device, make: Make, call_s: float) -> Times:
    return device.eager_times(make(), call_s)
