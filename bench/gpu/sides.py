"""
Who is timed by `bench.gpu`, each as calls on rows that already lie on the device.

A side computes the k-th batch by its k-th call, without waiting for the device, so that a CUDA
graph can hold it. Ours reads float32 rows; the others read them in the leaves' type, converted
off the clock. Weights are one set: the dense network of training width and the experts are the
tree's own leaves.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial

import torch
from torch import Tensor

from bench.gpu.device import Call
from bench.gpu.layers import as_dense, as_weights, compute, device_batches, drawn_layer
from bench.networks import Router, Shape
from bench.rivals import (
    Experts,
    Run,
    dense,
    descend,
    fused_dense,
    gather_leaves,
    grouped_experts,
    mixture,
    transformers_experts,
)
from fff.kernels.gpu.graphs import DeviceBatch
from fff.kernels.gpu.launch import launch_tiles, most_tiles, place, route_rows
from fff.kernels.gpu.layer import LEAF_DTYPES, scratch
from fff.kernels.gpu.tuning import Tuning
from fff.weights import FeedForwardWeights, FFFWeights

MOST_GROUPS = 1023  # of a grouped product on a GPU
LAP = 16  # batches in turn
_LAP_BYTES = 1 << 30  # of their rows, in float32: fewer batches where they are larger

_ALIKE = 1e-4  # standard deviation of rows that share a leaf: the batch's own is 1

Calls = list[Call]
Make = Callable[[], Calls]
"""Makes a side's calls, which takes memory, and may fail."""
Sides = dict[str, Make]


class Networks:
    """
    The networks of one shape on the device; the rivals' are made when they are asked for.

    Args:
        shape: Widths and depth of the tree.
        device: Where they lie.
        dtype: Of leaves, dense layers and experts, a name of `LEAF_DTYPES`.
        tuning: Of our launches.
    """

    def __init__(self, shape: Shape, device: torch.device, dtype: str, tuning: Tuning):
        self.shape, self.dtype = shape, LEAF_DTYPES[dtype]
        self.layer = drawn_layer(shape, device, dtype, tuning)
        self.tree = as_weights(self.layer)

    @cached_property
    def typed_tree(self) -> FFFWeights:
        """The tree with biases, too, in the leaves' type."""
        b1, b2 = self.tree.b1.to(self.dtype), self.tree.b2.to(self.dtype)
        return replace(self.tree, b1=b1, b2=b2)

    @cached_property
    def wide(self) -> dict[str, FeedForwardWeights]:
        """The dense network of training width, its matrices laid out in the two usual ways."""
        own = as_dense(self.layer)  # w1 is [w, i] in memory, w2 [w, o]
        return {
            "rows": replace(own, w1=own.w1.contiguous()),
            "columns": replace(own, w2=own.w2.t().contiguous().t()),
        }

    @cached_property
    def narrow(self) -> FeedForwardWeights:
        """A dense network of the neurons that one row meets."""
        shape, width = self.shape, self.shape.inference_width
        w1, b1 = self._drawn(shape.i, width, fan_in=shape.i), self._drawn(width, fan_in=shape.i)
        w2, b2 = self._drawn(width, shape.o, fan_in=width), self._drawn(shape.o, fan_in=width)
        return FeedForwardWeights(w1, b1, w2, b2, self.tree.activation)

    @cached_property
    def router(self) -> Router:
        """Of the mixtures, in the experts' type."""
        i, experts = self.shape.i, self.tree.leaves
        return Router(self._drawn(i, experts, fan_in=i), self._drawn(experts, fan_in=i))

    @cached_property
    def grouped(self) -> Experts:
        return grouped_experts(self.tree)

    @cached_property
    def transformers(self) -> Experts:
        return transformers_experts(self.tree)

    def _drawn(self, *size: int, fan_in: int) -> Tensor:
        device = self.layer.leaves.w1.device
        return torch.empty(*size, dtype=self.dtype, device=device).normal_(std=fan_in**-0.5)


class Batches:
    """
    Batches of one size on the device.

    Args:
        nets: That compute them.
        rows: Of each.
        one_leaf: Whether the rows of a batch are so alike that they share a leaf.
    """

    def __init__(self, nets: Networks, rows: int, one_leaf: bool = False):
        i, device = nets.shape.i, nets.layer.leaves.w1.device
        lap = max(1, min(LAP, _LAP_BYTES // (4 * i * rows)))
        torch.manual_seed(rows)
        x = torch.randn(lap, rows, i, device=device)  # [lap, n, i]
        if one_leaf:
            x = _ALIKE * x + torch.randn(lap, 1, i, device=device)
        self.rows, self.one_leaf, self.typed = rows, one_leaf, x.to(nets.dtype)
        self.memory = device_batches(x, nets.layer)


def sides(nets: Networks, batches: Batches) -> Sides:
    """Every side that can compute these networks, ours first; the dense ones are `dense_sides`."""
    found: Sides = {
        "ours": lambda: [partial(compute, nets.layer, batch) for batch in batches.memory],
        "dense_narrow": lambda: _typed(fused_dense(nets.narrow), batches),
        "moe": lambda: _mixture(nets, batches, 1),
        "gather": lambda: _gather(nets, batches),
        "gather_routed": lambda: _on_our_leaves(nets, batches, partial(_gathered, nets)),
    }
    if nets.shape.d:
        found["moe2"] = lambda: _mixture(nets, batches, 2)
    if nets.dtype == torch.bfloat16 and nets.tree.leaves <= MOST_GROUPS:
        found["grouped_mm"] = lambda: _on_our_leaves(nets, batches, nets.grouped)
        if nets.shape.i == nets.shape.o:
            found["transformers"] = lambda: _on_our_leaves(nets, batches, nets.transformers)
    return found


def dense_sides(nets: Networks, batches: Batches) -> Sides:
    """The dense network of training width by each way to write it; the best one counts."""
    return {
        f"{written}_{layout}": partial(_wide, nets, batches, form, layout)
        for written, form in (("fused", fused_dense), ("plain", dense))
        for layout in ("rows", "columns")
    }


def in_tf32(calls: Sequence[Call]) -> Calls:
    """The same, with float32 matrices rounded to TF32 for the tensor cores."""

    def run(call: Call) -> None:
        torch.set_float32_matmul_precision("high")
        try:
            call()
        finally:
            torch.set_float32_matmul_precision("highest")

    return [partial(run, call) for call in calls]


def gathered_bytes(nets: Networks, rows: int) -> int:
    """What the gather form copies for a batch, with room."""
    leaf = nets.shape.l * (nets.shape.i + nets.shape.o)
    return 3 * rows * leaf * nets.dtype.itemsize


def _wide(
    nets: Networks, batches: Batches, form: Callable[[FeedForwardWeights], Run], layout: str
) -> Calls:
    return _typed(form(nets.wide[layout]), batches)


def _typed(run: Run, batches: Batches) -> Calls:
    return [partial(run, x) for x in batches.typed]


def _gather(nets: Networks, batches: Batches) -> Calls:
    """As published: a walk in plain torch, then copies of leaves."""

    def run(batch: DeviceBatch, typed: Tensor) -> Tensor:
        return _gathered(nets, typed, descend(batch.x, nets.tree))

    return [partial(run, *pair) for pair in zip(batches.memory, batches.typed, strict=True)]


def _gathered(nets: Networks, typed: Tensor, leaf: Tensor) -> Tensor:
    return gather_leaves(typed, leaf, nets.typed_tree)


def _on_our_leaves(nets: Networks, batches: Batches, experts: Experts) -> Calls:
    """Our walk, and then another's way to compute the leaves it found."""

    def run(batch: DeviceBatch, typed: Tensor) -> Tensor:
        route_rows(nets.layer, batch, batches.rows)
        return experts(typed, batch.leaf.long())

    return [partial(run, *pair) for pair in zip(batches.memory, batches.typed, strict=True)]


def _mixture(nets: Networks, batches: Batches, k: int) -> Calls:
    """A mixture on our own leaf kernel, of `k` experts a row."""
    layer, device, visits = nets.layer, batches.typed.device, batches.rows * k
    groups, y = scratch(visits, device), torch.empty(visits, nets.shape.o, device=device)
    count = torch.full((1,), visits, dtype=torch.int32, device=device)
    tiles = most_tiles(visits, nets.tree.leaves)

    def run(batch: DeviceBatch, typed: Tensor) -> Tensor:
        def experts(_: Tensor, expert: Tensor) -> Tensor:
            groups[2].zero_()
            place(expert.int(), count, groups, visits, layer.tuning)
            launch_tiles(layer.leaves, tiles, batch.x, groups, y, fanout=k)
            return y  # [n * k, o]

        return mixture(nets.router.scores, experts, k)(typed)

    return [partial(run, *pair) for pair in zip(batches.memory, batches.typed, strict=True)]
