"""
Where the time of a batch goes: the walk, the sorting and the leaves, for four layers.

Each time is the difference of two graphs, one kernel longer: of a kernel alone, the batches in
turn would find other batches' tiles. Few rows are one kernel: there the leaves are what it takes
beyond the walk.
"""

import itertools
from collections.abc import Iterator
from functools import partial

from bench.gpu.ahead import Job
from bench.gpu.cells import modelled, named
from bench.gpu.costs import our_kernel_s, ours_s, wide_s
from bench.gpu.device import Device
from bench.gpu.held import Holder, cell_name
from bench.gpu.journal import Fields
from bench.gpu.layers import compute
from bench.gpu.sides import Calls, dense_sides
from bench.gpu.steps import Step, attempt
from bench.gpu.target import Case, Limits
from bench.networks import Shape
from fff.kernels.gpu.graphs import DeviceBatch
from fff.kernels.gpu.launch import place, route_rows
from fff.kernels.gpu.layer import PackedLayer
from fff.kernels.gpu.tuning import Tuning

LAYERS = (
    *(Shape(768, 768, 16, 8), Shape(784, 10, 16, 6)),
    *(Shape(4096, 4096, 32, 9), Shape(1024, 1024, 32, 7)),
)
DTYPE, ELEMENT_BYTES = "bfloat16", 2
BATCHES = (1, 8, 32, 128, 512, 4096)
_COMPILE_S = 15  # at most, ahead


def steps(device: Device, limits: Limits, tuning: Tuning) -> Iterator[Step]:
    """One for each layer and batch size."""
    jobs = [Job(shape, DTYPE, tuning=tuning) for shape in LAYERS]

    def compile_all(fields: Fields) -> None:
        fields |= device.compile_ahead(jobs, _COMPILE_S)

    holder = Holder(device, tuning)
    yield Step("compile", compile_all)
    for shape, rows in itertools.product(LAYERS, BATCHES):
        case = Case(shape, rows, ELEMENT_BYTES)
        run = partial(_measure, case=case, device=device, holder=holder, limits=limits)
        yield Step(cell_name(shape, DTYPE, rows), run)


def _measure(fields: Fields, case: Case, device: Device, holder: Holder, limits: Limits) -> None:
    layer = holder.layer(case.shape, DTYPE)
    batches = layer.batches(case.batch)
    fields |= named(case, DTYPE) | modelled(case, limits)
    walked, sorted_, whole = _prefixes(layer.nets.layer, batches.memory)
    walk_s, rank_s = our_kernel_s("route", case), our_kernel_s("rank", case)
    walk_us = _time(fields, "walk", device, walked, walk_s)
    placed_us = walk_us
    if case.batch > layer.nets.layer.tuning.unsorted_rows:
        placed_us = _time(fields, "placed", device, sorted_, walk_s + rank_s)
    whole_us = _time(fields, "ours", device, whole, ours_s(case))
    if walk_us and placed_us and whole_us:
        fields |= {"route_us": walk_us, "rank_us": placed_us - walk_us}
        fields |= {"leaves_us": whole_us - placed_us, "ours_us": whole_us}
    for name in ("fused_rows", "plain_rows", "fused_columns"):
        make = dense_sides(layer.nets, batches)[name]
        us = _time(fields, f"dense_{name}", device, make(), wide_s(case))
        fields[f"dense_{name}_us"] = us


def _prefixes(layer: PackedLayer, batches: list[DeviceBatch]) -> tuple[Calls, Calls, Calls]:
    """The walk; the walk and the sorting, if there is one; all."""

    def walk_and_place(batch: DeviceBatch) -> None:
        route_rows(layer, batch, len(batch.x))
        place(batch.leaf, batch.n_rows, layer.groups, len(batch.x), layer.tuning)

    return (
        [partial(route_rows, layer, batch, len(batch.x)) for batch in batches],
        [partial(walk_and_place, batch) for batch in batches],
        [partial(compute, layer, batch) for batch in batches],
    )


def _time(fields: Fields, name: str, device: Device, calls: Calls, call_s: float) -> float | None:
    times = attempt(fields, name, device, lambda: device.graph_times(calls, call_s))
    return times.p50_us if times else None
