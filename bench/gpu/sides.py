"""
Who is timed by `bench.gpu`, each as a call on rows that already lie on the device.

Every side computes from the same static `[n, i]` float32 rows into memory of its own, without
waiting for the device, so that it can be captured in a CUDA graph; copies to and from the host
are on nobody's clock here (`ours_wall_us` has them).
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from bench.networks import Router, Shape, random_dense, random_router, random_tree
from bench.rivals import dense, descend, gather_leaves, mixture
from bench.timing import Call
from fff.kernels.gpu.backend import TritonGrouped
from fff.kernels.gpu.launch import launch_tiles, most_tiles, place
from fff.kernels.gpu.layer import PackedLeaves, scratch
from fff.weights import FeedForwardWeights, FFFWeights

W = TypeVar("W", FeedForwardWeights, FFFWeights)


@dataclass(frozen=True, slots=True)
class DeviceNetworks:
    """
    The networks of one shape on the device.

    Attributes:
        tree: The FFF, float32; its leaves are the mixtures' experts too.
        wide: The dense network of training width, float32.
        router: Of the mixtures, float32 as the tree's nodes are.
        ours: Computes the tree.
        dtype: In which every side computes leaves and dense layers.
    """

    tree: FFFWeights
    wide: FeedForwardWeights
    router: Router
    ours: TritonGrouped
    dtype: torch.dtype


def sides(nets: DeviceNetworks, shape: Shape, x: Tensor, free_bytes: int) -> dict[str, Call | None]:
    """
    Calls by name; None where the memory does not suffice.

    Args:
        nets: All on the device of `x`.
        shape: Widths and depth of the tree.
        x: Rows, `[n, i]`, float32.
        free_bytes: Of device memory; the gather form copies a leaf a row into it.
    """
    bucket = nets.ours.graphs.load(x.cpu())
    leaf_bytes = nets.tree.w1[0].numel() + nets.tree.w2[0].numel()
    copies = 3 * len(x) * leaf_bytes * nets.dtype.itemsize  # what gather writes, with room
    return {
        "ours": partial(nets.ours.graphs.start, bucket),
        "dense": partial(dense(_in_type(nets.wide, nets.dtype)), x.to(nets.dtype)),
        "gather": _gather(nets, x) if copies < free_bytes else None,
        "moe": _mixture(nets, x, 1),
        "moe2": _mixture(nets, x, 2) if shape.d else None,
    }


def _gather(nets: DeviceNetworks, x: Tensor) -> Call:
    tree, rows = _in_type(nets.tree, nets.dtype), x.to(nets.dtype)
    return lambda: gather_leaves(rows, descend(x, tree), tree)


def _mixture(nets: DeviceNetworks, x: Tensor, k: int) -> Call:
    """A mixture on our own leaf kernel, of `k` experts a row."""
    w, device, visits, experts = nets.tree, x.device, len(x) * k, nets.tree.leaves
    leaves = PackedLeaves.pack(w.w1, w.b1, w.w2, w.b2, w.activation, nets.dtype, device)
    groups, count = scratch(visits, device), torch.zeros(1, dtype=torch.int32, device=device)
    count.fill_(visits)
    y = torch.empty(visits, w.output_width, device=device)

    def compute(x: Tensor, expert: Tensor) -> Tensor:
        groups[2].zero_()
        place(expert.int(), count, groups, visits)
        launch_tiles(leaves, most_tiles(visits, experts), x, groups, y, fanout=k)
        return y  # [n * k, o]

    return partial(mixture(nets.router.scores, compute, k), x)


def networks(
    shape: Shape, master: int, device: torch.device, dtype: str, seed: int
) -> DeviceNetworks:
    """
    Draw the networks on the device: the largest have gigabytes of weights.

    Args:
        shape: Widths and depth of the tree.
        master: Hidden neurons of the master leaf; 0 for none.
        device: The GPU on which all lies.
        dtype: `float32` or `bfloat16`, of leaves and dense layers.
        seed: The same one draws the same weights.
    """
    generator = torch.Generator(device).manual_seed(seed)
    tree = random_tree(shape, generator)
    if master:
        logit = torch.zeros((), device=device)
        tree = replace(tree, master=random_dense(shape, master, generator), master_logit=logit)
    wide = random_dense(shape, shape.training_width + master, generator)
    router = random_router(shape, generator)
    ours = TritonGrouped(tree, device, dtype)
    return DeviceNetworks(tree, wide, router, ours, getattr(torch, dtype))


def _in_type(weights: W, dtype: torch.dtype) -> W:
    """The same network with leaves, or the hidden layer, in another type; nodes stay float32."""
    layers = {name: getattr(weights, name).to(dtype) for name in ("w1", "b1", "w2", "b2")}
    return replace(weights, **layers)
