"""
Layers drawn where they are computed: on the device, in their leaves' type, in chunks.

The largest has 26 GB of leaves, for which no second copy in float32 is to be had: an empty layer
is packed (one zero, repeated without memory), and its weights are drawn in place.

Shape letters: see `fff.weights`.
"""

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from bench.networks import ACTIVATION, Shape
from fff.chunks import chunk_slices
from fff.kernels.gpu.graphs import MOST_ROWS, DeviceBatch
from fff.kernels.gpu.launch import launch
from fff.kernels.gpu.layer import LEAF_DTYPES, PackedLayer
from fff.kernels.gpu.tuning import DEFAULT_TUNING, Tuning
from fff.weights import FeedForwardWeights, FFFWeights

SEED = 0


def empty_tree(shape: Shape, device: torch.device, node_weight: Tensor | None = None) -> FFFWeights:
    """
    A tree of zeros that takes the memory of its nodes at most.

    Args:
        shape: Widths and depth.
        device: Where it lies.
        node_weight: `[2**d - 1, i]`, float32; None for zeros, without memory.
    """
    i, o, l, leaves = shape.i, shape.o, shape.l, 1 << shape.d  # noqa: E741
    zero = torch.zeros((), device=device)
    return FFFWeights(
        node_weight=zero.expand(leaves - 1, i) if node_weight is None else node_weight,
        node_bias=zero.expand(leaves - 1),
        w1=zero.expand(leaves, i, l),
        b1=zero.expand(leaves, l),
        w2=zero.expand(leaves, l, o),
        b2=zero.expand(leaves, o),
        activation=ACTIVATION,
    )


def drawn_layer(
    shape: Shape,
    device: torch.device,
    dtype: str,
    tuning: Tuning = DEFAULT_TUNING,
    max_rows: int = MOST_ROWS,
) -> PackedLayer:
    """
    Draw a layer, scores and activations of about size 1.

    Args:
        shape: Widths and depth.
        device: Where it lies.
        dtype: Of the leaves, a name of `LEAF_DTYPES`.
        tuning: Of its launches.
        max_rows: Most rows of one batch.
    """
    torch.manual_seed(SEED)
    nodes = torch.empty((1 << shape.d) - 1, shape.i, device=device).normal_(std=shape.i**-0.5)
    layer = PackedLayer.pack(
        empty_tree(shape, device, nodes), device, dtype, min(max_rows, MOST_ROWS), tuning
    )
    leaves = layer.leaves
    for tensor, fan_in in (
        *((leaves.w1, shape.i), (leaves.b1, shape.i)),
        *((leaves.w2, shape.l), (leaves.b2, shape.l)),
    ):
        for part in chunk_slices(len(tensor), tensor[0].nbytes >> 6):  # 1 GB a chunk
            tensor[part].normal_(std=fan_in**-0.5)
    return layer


def retuned(layer: PackedLayer, shape: Shape, tuning: Tuning) -> PackedLayer:
    """The same weights and memory, launched otherwise; it has no master leaf."""
    dtype = next(name for name, t in LEAF_DTYPES.items() if t == layer.leaves.w1.dtype)
    meta = torch.device("meta")
    other = PackedLayer.pack(empty_tree(shape, meta), meta, dtype, MOST_ROWS, tuning)
    own = layer.leaves
    leaves = replace(other.leaves, w1=own.w1, b1=own.b1, w2=own.w2, b2=own.b2)
    return replace(other, tree=layer.tree, leaves=leaves, groups=layer.groups)


def as_weights(layer: PackedLayer) -> FFFWeights:
    """The packed tensors as a tree, without a copy: leaves stay in their type."""
    leaves = layer.leaves
    return FFFWeights(
        node_weight=layer.tree[0],
        node_bias=layer.tree[1],
        w1=leaves.w1.transpose(1, 2),
        b1=leaves.b1,
        w2=leaves.w2,
        b2=leaves.b2,
        activation=ACTIVATION,
    )


def as_dense(layer: PackedLayer) -> FeedForwardWeights:
    """The dense network of all leaves' neurons, without a copy of the matrices."""
    leaves = layer.leaves
    width, dtype = leaves.w1.shape[0] * leaves.w1.shape[1], leaves.w1.dtype
    return FeedForwardWeights(
        w1=leaves.w1.view(width, -1).t(),
        b1=leaves.b1.view(width).to(dtype),
        w2=leaves.w2.view(width, -1),
        b2=leaves.b2[0].to(dtype),
        activation=ACTIVATION,
    )


def device_batches(x: Tensor, layer: PackedLayer) -> list[DeviceBatch]:
    """
    Memory for batches that are computed in turn.

    Args:
        x: Rows, `[batches, n, i]`, float32, on the device.
        layer: That computes them; their results share one memory.
    """
    rows, device = x.shape[1], x.device
    empty = partial(torch.empty, device=device)
    shared = DeviceBatch(
        n_rows=torch.full((1,), rows, dtype=torch.int32, device=device),
        x=x[0],
        logits=empty(rows, layer.output_width),
        leaf=empty(rows, dtype=torch.int32),
        margin=empty(rows),
        rechecked=torch.zeros(1, dtype=torch.int64, device=device),
    )
    return [replace(shared, x=part) for part in x]


def compute(layer: PackedLayer, batch: DeviceBatch) -> None:
    """Compute a whole batch on the current stream."""
    launch(layer, batch, len(batch.x))
