"""
A layer of a million hidden neurons, and one of eight: what a batch must read against what it took.

768 inputs and outputs, leaves of 32 neurons, 2^15 and 2^18 of them (3 and 26 GB in bfloat16).
The dense network of as many neurons reads the same memory, all of it, for every batch.
"""

from collections.abc import Iterator
from functools import partial

import torch

from bench.gpu.ahead import Job
from bench.gpu.cells import least_bytes, modelled, named
from bench.gpu.costs import ours_s, wide_s
from bench.gpu.device import Device, Times
from bench.gpu.grid import note
from bench.gpu.held import cell_name
from bench.gpu.journal import Fields
from bench.gpu.layers import as_dense, compute, device_batches, drawn_layer
from bench.gpu.sides import LAP
from bench.gpu.steps import Step, attempt
from bench.gpu.target import Case, Limits
from bench.networks import Shape
from bench.rivals import dense
from fff.kernels.gpu.graphs import MOST_ROWS, DeviceBatch
from fff.kernels.gpu.layer import LEAF_DTYPES, PackedLayer
from fff.kernels.gpu.tuning import Tuning

LAYERS = (
    *((Shape(768, 768, 32, 15), "bfloat16"), (Shape(768, 768, 32, 18), "bfloat16")),
    (Shape(768, 768, 32, 15), "float32"),
)
BATCHES = (1, 8, 64, 512, 4096, 65536)
MOST_DENSE = 64  # rows: a dense batch of more takes as many times 9 ms
_LAP_BYTES = 1 << 30
_COMPILE_S = 15


class Million:
    """
    The layers, one at a time.

    Args:
        device: That is timed.
        limits: By which targets are computed.
        tuning: Of our launches.
    """

    def __init__(self, device: Device, limits: Limits, tuning: Tuning):
        self._device, self._limits, self._tuning = device, limits, tuning
        self._held: tuple[Shape, str] | None = None
        self._layer: PackedLayer | None = None

    def steps(self) -> Iterator[Step]:
        """One for each layer, batch size, and state of L2."""
        yield Step("compile", self._compile)
        for shape, dtype in LAYERS:
            for rows in BATCHES:
                run = partial(self._measure, shape=shape, dtype=dtype, rows=rows)
                yield Step(cell_name(shape, dtype, rows), run)

    def _compile(self, fields: Fields) -> None:
        jobs = [Job(shape, dtype, tuning=self._tuning) for shape, dtype in LAYERS]
        fields |= self._device.compile_ahead(jobs, _COMPILE_S)

    def _measure(self, fields: Fields, shape: Shape, dtype: str, rows: int) -> None:
        device, layer = self._device, self._drawn(shape, dtype)
        batches = _batches(layer, rows, device)
        case = Case(shape, rows, LEAF_DTYPES[dtype].itemsize, lap=len(batches))
        fields |= named(case, dtype) | modelled(case, self._limits)
        calls = [partial(_compute, layer, parts) for parts in batches]
        for name, cold in (("ours", False), ("ours_cold", True)):
            run = partial(device.graph_times, calls, ours_s(case), cold)
            note(fields, name, attempt(fields, name, device, run))
        if us := fields.get("ours_cold_us"):
            bytes_s = 1e6 * least_bytes(case) / us
            fields |= {"bytes": least_bytes(case), "bytes_s": bytes_s}
            fields["bandwidth_share"] = bytes_s / self._limits.hbm_bytes_s
        if rows <= MOST_DENSE:
            note(fields, "dense", attempt(fields, "dense", device, partial(self._dense, case)))
        if "dense_us" in fields and "ours_us" in fields:
            fields["ratio_dense"] = fields["dense_us"] / fields["ours_us"]

    def _dense(self, case: Case) -> Times:
        assert self._layer is not None
        w = as_dense(self._layer)
        x = torch.empty(LAP, case.batch, case.shape.i, dtype=w.w1.dtype, device=w.w1.device)
        run = dense(w)
        calls = [partial(run, rows) for rows in x.normal_()]
        return self._device.graph_times(calls, wide_s(case))

    def _drawn(self, shape: Shape, dtype: str) -> PackedLayer:
        if self._held != (shape, dtype) or self._layer is None:
            self._layer = None  # before the next one is drawn
            self._device.clear()
            self._layer = drawn_layer(shape, self._device.torch_device, dtype, self._tuning)
            self._device.takes(1.0)
            self._held = (shape, dtype)
        return self._layer


def _batches(layer: PackedLayer, rows: int, device: Device) -> list[list[DeviceBatch]]:
    """Batches in turn, each of parts that one launch may compute."""
    lap = max(1, min(LAP, _LAP_BYTES // (4 * layer.input_width * rows)))
    torch.manual_seed(rows)
    x = torch.randn(lap, rows, layer.input_width, device=device.torch_device)
    part = min(rows, MOST_ROWS)
    parts = device_batches(x.view(-1, part, layer.input_width), layer)
    of_each = rows // part
    return [parts[k : k + of_each] for k in range(0, len(parts), of_each)]


def _compute(layer: PackedLayer, parts: list[DeviceBatch]) -> None:
    for part in parts:
        compute(layer, part)
