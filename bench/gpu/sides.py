"""
Who is timed by `bench.gpu`, each as a call on rows that already lie on the device.

Every side computes from the same static `[n, i]` float32 rows into memory of its own, without
waiting for the device, so that it can be captured in a CUDA graph; copies to and from the host
are on nobody's clock here (`ours_wall_us` has them).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from bench.networks import ACTIVATION, Shape
from fff.activations import activation_by_name
from fff.kernels.gpu.backend import TritonGrouped, bucket_of
from fff.kernels.gpu.layer import PackedLeaves, most_tiles, place, scratch
from fff.weights import FeedForwardWeights, FFFWeights

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Networks:
    """The networks of one shape on the device: the tree, its dense twin, and what runs it."""

    tree: FFFWeights
    wide: FeedForwardWeights
    ours: TritonGrouped
    dtype: torch.dtype


def sides(nets: Networks, shape: Shape, x: Tensor, free_bytes: int) -> dict[str, Call | None]:
    """
    Calls by name; None where the memory does not suffice.

    Args:
        nets: The networks.
        shape: Of the tree.
        x: Rows, `[n, i]`, float32.
        free_bytes: Of device memory.
    """
    nets.ours.load(x)
    leaf_bytes = nets.tree.w1[0].numel() + nets.tree.w2[0].numel()
    copies = 3 * len(x) * leaf_bytes * nets.dtype.itemsize  # what gather writes, with room
    call = gather(nets.tree, x, nets.dtype) if copies < free_bytes else None
    return {
        "ours": partial(nets.ours.enqueue, bucket_of(len(x))),
        "dense": dense(nets.wide, x, nets.dtype),
        "gather": call,
        "moe": mixture(nets.tree, x, nets.dtype, 1),
        "moe2": mixture(nets.tree, x, nets.dtype, 2) if shape.d else None,
    }


def dense(w: FeedForwardWeights, x: Tensor, dtype: torch.dtype) -> Call:
    """Linear, activation, Linear, everything in the leaf type."""
    act = activation_by_name(w.activation)
    w1, b1, w2, b2 = (t.to(dtype) for t in w.tensors().values())
    rows = x.to(dtype)

    def call() -> Tensor:
        hidden = act(torch.addmm(b1, rows, w1))  # [n, w]
        return torch.addmm(b2, hidden, w2)  # [n, o]

    return call


def gather(w: FFFWeights, x: Tensor, dtype: torch.dtype) -> Call:
    """Copy each row's leaf and multiply the copies batch-wise, as published FFF code does."""
    act = activation_by_name(w.activation)
    w1, b1, w2, b2 = (t.to(dtype) for t in (w.w1, w.b1, w.w2, w.b2))
    rows = x.to(dtype)[:, None]  # [n, 1, i]

    def call() -> Tensor:
        node = torch.zeros(len(x), dtype=torch.long, device=x.device)
        for _ in range(w.depth):
            score = (x * w.node_weight[node]).sum(-1) + w.node_bias[node]  # [n]
            node = 2 * node + 1 + (score >= 0)
        leaf = node - (w.leaves - 1)  # [n]
        hidden = act(torch.baddbmm(b1[leaf, None], rows, w1[leaf]))  # [n, 1, l]
        return torch.baddbmm(b2[leaf, None], hidden, w2[leaf])[:, 0]  # [n, o]

    return call


def mixture(w: FFFWeights, x: Tensor, dtype: torch.dtype, chosen: int) -> Call:
    """
    Mixture of experts on our own leaf kernel: a flat router instead of a tree.

    Args:
        w: Its leaves are the experts.
        x: Rows.
        dtype: Of the experts; the router is float32, as the tree's nodes are.
        chosen: Experts a row visits.
    """
    n, visits, experts = len(x), len(x) * chosen, w.leaves
    leaves = PackedLeaves.pack(w.w1, w.b1, w.w2, w.b2, w.activation, dtype)
    router = torch.randn(w.input_width, experts, device=x.device) / w.input_width**0.5
    groups, count = scratch(visits, x.device), torch.zeros(1, dtype=torch.int32, device=x.device)
    count.fill_(visits)
    counts = torch.zeros(experts, dtype=torch.int64, device=x.device)
    y = torch.empty(visits, w.output_width, device=x.device)

    def call() -> Tensor:
        best = torch.topk(x @ router, chosen)  # [n, chosen]
        groups[2].zero_()
        place(best.indices.flatten().int(), count, groups, counts, visits)
        leaves.launch(most_tiles(visits, experts), x, groups, y, fanout=chosen)
        gates = torch.softmax(best.values, 1)[:, :, None]  # [n, chosen, 1]
        return (y.view(n, chosen, -1) * gates).sum(1)  # [n, o]

    return call


def networks(shape: Shape, master: int, device: torch.device, dtype: str, seed: int) -> Networks:
    """Draw the tree and its dense twin on the device: the largest have gigabytes of weights."""
    generator = torch.Generator(device).manual_seed(seed)
    i, o, l, leaves = shape.i, shape.o, shape.l, 1 << shape.d  # noqa: E741
    tree = FFFWeights(
        node_weight=_normal(generator, i, leaves - 1, i),
        node_bias=torch.zeros(leaves - 1, device=device),
        w1=_normal(generator, i, leaves, i, l),
        b1=_normal(generator, i, leaves, l),
        w2=_normal(generator, l, leaves, l, o),
        b2=_normal(generator, l, leaves, o),
        activation=ACTIVATION,
        master=_dense(generator, i, master, o) if master else None,
        master_logit=torch.zeros((), device=device) if master else None,
    )
    wide = _dense(generator, i, shape.training_width + master, o)
    return Networks(tree, wide, TritonGrouped(tree, device, dtype), getattr(torch, dtype))


def _dense(generator: torch.Generator, i: int, width: int, o: int) -> FeedForwardWeights:
    return FeedForwardWeights(
        w1=_normal(generator, i, i, width),
        b1=_normal(generator, i, width),
        w2=_normal(generator, width, width, o),
        b2=_normal(generator, width, o),
        activation=ACTIVATION,
    )


def _normal(generator: torch.Generator, fan_in: int, *size: int) -> Tensor:
    drawn = torch.randn(*size, generator=generator, device=generator.device)
    return drawn.mul_(fan_in**-0.5)
