"""One layer at a time on the device, while its cells are measured."""

from functools import cached_property, partial

import torch

from bench.gpu.device import Call, Device
from bench.gpu.sides import Batches, Networks
from bench.networks import Shape
from fff.kernels.gpu.graphs import MOST_ROWS, BatchGraphs
from fff.kernels.gpu.launch import launch
from fff.kernels.gpu.tuning import Tuning

DRAW_S = 0.1  # of a layer of some GB on the device, by a rehearsal's clock


class Layer:
    """
    A layer on the device.

    Args:
        nets: Its networks.
        dtype: Of its leaves.

    Attributes:
        best_dense: The dense network's best form, by batch size, as far as it is known.
    """

    def __init__(self, nets: Networks, dtype: str):
        self.nets, self.dtype = nets, dtype
        self.best_dense: dict[int, str] = {}
        self._batches: Batches | None = None

    def batches(self, rows: int, one_leaf: bool = False) -> Batches:
        """The batches of one size, drawn anew when it changes."""
        held = self._batches
        if held is None or (held.rows, held.one_leaf) != (rows, one_leaf):
            self._batches = None  # before the next ones are drawn
            self._batches = held = Batches(self.nets, rows, one_leaf)
        return held

    def served(self, batches: Batches) -> Call:
        """A batch from the host and back, as the backend computes it; made when first called."""
        staged: list[torch.Tensor] = []

        def run() -> object:
            if not staged:
                rows = batches.memory[0].x.cpu()
                staged.append(self._graphs.staging(batches.rows).copy_(rows))
            return self._graphs.infer(staged[0])

        return run

    @cached_property
    def _graphs(self) -> BatchGraphs:
        nets = self.nets
        device, widths = nets.layer.leaves.w1.device, (nets.shape.i, nets.shape.o)
        return BatchGraphs(device, *widths, MOST_ROWS, partial(launch, nets.layer))


class Holder:
    """
    Draws layers when they are asked for, and keeps the last.

    Args:
        device: Where they lie.
        tuning: Of their launches.
    """

    def __init__(self, device: Device, tuning: Tuning):
        self._device, self._tuning = device, tuning
        self._held: dict[tuple[Shape, str], Layer] = {}

    def layer(self, shape: Shape, dtype: str) -> Layer:
        """The layer; the one before is given up first."""
        if (shape, dtype) not in self._held:
            self._held.clear()
            self._device.clear()
            nets = Networks(shape, self._device.torch_device, dtype, self._tuning)
            self._device.takes(DRAW_S)
            self._held[shape, dtype] = Layer(nets, dtype)
        return self._held[shape, dtype]


def cell_name(shape: Shape, dtype: str, rows: int, *more: str) -> str:
    """A step's name."""
    return " ".join((f"{shape.i}->{shape.o} l{shape.l} d{shape.d} {dtype} B{rows}", *more))
