# mypy: allow-untyped-calls
"""
The dense network by `torch.compile`, tuned to its shape, at two batch sizes.

Apart from the grid: one compilation takes as long as ten cells, and none is worth a cell.
"""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from bench.gpu.cells import named
from bench.gpu.costs import wide_s
from bench.gpu.device import Device
from bench.gpu.grid import note
from bench.gpu.held import Holder, cell_name
from bench.gpu.journal import Fields
from bench.gpu.steps import Step
from bench.gpu.target import Case
from bench.networks import Shape
from bench.rivals import Run, dense
from fff.kernels.gpu.layer import LEAF_DTYPES
from fff.kernels.gpu.tuning import DEFAULT_TUNING

LAYERS = (
    *((Shape(768, 768, 16, 8), "bfloat16"), (Shape(4096, 4096, 32, 9), "bfloat16")),
    *((Shape(784, 10, 16, 6), "bfloat16"), (Shape(768, 768, 16, 8), "float32")),
)
BATCHES = (1, 512)
COMPILE_S = 20.0  # by a rehearsal's clock; not measured: the tuning tries some 20 kernels twice


def steps(device: Device) -> Iterator[Step]:
    """One for each layer and batch size."""
    holder = Holder(device, DEFAULT_TUNING)
    for shape, dtype in LAYERS:
        for rows in BATCHES:
            case = Case(shape, rows, LEAF_DTYPES[dtype].itemsize)
            run = partial(_measure, case=case, dtype=dtype, device=device, holder=holder)
            yield Step(cell_name(shape, dtype, rows), run)


def _measure(fields: Fields, case: Case, dtype: str, device: Device, holder: Holder) -> None:
    layer = holder.layer(case.shape, dtype)
    batches = layer.batches(case.batch)
    fields |= named(case, dtype)
    began_s = device.now_s()
    run = _compiled(dense(layer.nets.wide["rows"]), batches.typed[0], device)
    fields["compile_s"] = device.now_s() - began_s
    calls = [partial(run, x) for x in batches.typed]
    note(fields, "dense_compiled", device.graph_times(calls, wide_s(case)))


def _compiled(run: Run, x: Tensor, device: Device) -> Run:
    device.takes(COMPILE_S)
    if device.rehearses:
        return run
    torch._dynamo.reset()  # each shape is a program of its own, not a recompilation
    compiled: Run = torch.compile(run, mode="max-autotune-no-cudagraphs", dynamic=False)
    compiled(x)
    torch.cuda.synchronize()
    return compiled
