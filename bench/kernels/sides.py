"""
Who is timed by the kernel bench on a CPU: float32 rows in, outputs out, nothing kept between.

A rival that nobody would run proves nothing: the dense network is measured in eager torch and
compiled, and the mixtures of experts run on our own leaf kernel.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import relu

from bench.networks import Router, Shape, random_dense, random_router, random_tree
from bench.rivals import Run, dense, descend, gather_leaves, mixture
from fff.kernels.cpu.backend import NumbaGrouped
from fff.weights import FeedForwardWeights, FFFWeights
from networks.backends import build_backend

TOUCH_EVERYTHING = frozenset({"dense", "dense_compiled", "dense_inference"})
"""Sides of which each call reads all weights; the others' depend on the rows."""
MIXTURES = {"moe": 1, "moe_top2": 2}
"""Experts that a row visits."""


@dataclass(frozen=True, slots=True)
class Contenders:
    """
    The networks at one shape and what runs them.

    Attributes:
        tree: The FFF; its leaves are the mixtures' experts too.
        wide: The dense network of training width.
        narrow: The dense network of inference width.
        router: Of the mixtures.
        runs: Each side's computation, `[n, i]` to `[n, o]`, by name.
        backend: Computes `ours`, as in the service.
    """

    tree: FFFWeights
    wide: FeedForwardWeights
    narrow: FeedForwardWeights
    router: Router
    runs: dict[str, Run]
    backend: NumbaGrouped


def contenders(shape: Shape, generator: torch.Generator, threads: int = 1) -> Contenders:
    """
    Draw the weights and make every side but `dense_compiled`, which may be impossible.

    Args:
        shape: Widths and depth of the tree.
        generator: Draws on the CPU.
        threads: That the backend computes with.
    """
    tree = random_tree(shape, generator)
    wide = random_dense(shape, shape.training_width, generator)
    narrow = random_dense(shape, shape.inference_width, generator)
    router = random_router(shape, generator)
    backend = build_backend(tree, torch.device("cpu"), "numba", threads)
    assert isinstance(backend, NumbaGrouped), "it was asked for by name. This is a bug."
    runs = {
        "ours": lambda x: backend.infer(x).logits,
        "dense": torch.inference_mode()(dense(wide)),
        "dense_inference": torch.inference_mode()(dense(narrow)),
        "gather": gather(tree),
        "authors": authors(tree),
        **{name: _mixture(backend, router, k) for name, k in MIXTURES.items()},
    }
    return Contenders(tree, wide, narrow, router, runs, backend)


def compiled_dense(weights: FeedForwardWeights, rows: int) -> Run:
    """
    Compile the dense network for one batch size.

    Raises:
        RuntimeError: If this machine cannot: there is no C++ compiler, for example.
    """
    run: Run = torch.inference_mode()(torch.compile(dense(weights), dynamic=False))
    run(torch.zeros(rows, weights.input_width))  # this is when it compiles
    return run


def gather(weights: FFFWeights) -> Run:
    """The gather form in float32; see `bench.rivals.gather_leaves`."""

    @torch.inference_mode()
    def run(x: Tensor) -> Tensor:
        return gather_leaves(x, descend(x, weights), weights)

    return run


def authors(weights: FFFWeights) -> Run:
    """
    Evaluate as the authors' own package does: the tree level by level, the leaves row by row.

    Source: `FFF.eval_forward` of pbelcak/fastfeedforward (bd360ae), operation for operation,
    but `b2` is added, without which it would compute another function.
    """
    node_weight, node_bias, w1, b1, w2, b2 = weights.tensors().values()

    @torch.inference_mode()
    def run(x: Tensor) -> Tensor:
        node = torch.zeros(len(x), dtype=torch.long)
        for level in range(weights.depth):
            plane = node_weight.index_select(0, node)  # [n, i]
            score = torch.bmm(x[:, None], plane[:, :, None])[:, 0, 0]  # [n]
            right = (score + node_bias.index_select(0, node) >= 0).long()
            begun, following = torch.tensor(2**level - 1), torch.tensor(2 ** (level + 1) - 1)
            node = (node - begun) * 2 + right + following
        leaf = node - (weights.leaves - 1)  # [n]
        y = torch.empty(len(x), weights.output_width)
        for row in range(len(x)):
            own = leaf[row]
            hidden = torch.matmul(x[row][None], w1[own])  # [1, l]
            hidden += b1[own][None]
            y[row] = torch.matmul(relu(hidden), w2[own])[0] + b2[own]
        return y

    return run


def _mixture(backend: NumbaGrouped, router: Router, k: int) -> Run:
    """A mixture whose experts are the tree's leaves, on our own leaf kernel."""
    run: Run = torch.inference_mode()(mixture(router.scores, partial(_experts, backend, k), k))
    return run


def _experts(backend: NumbaGrouped, k: int, x: Tensor, expert: Tensor) -> Tensor:
    return backend.compute_leaves(x if k == 1 else x.repeat_interleave(k, 0), expert)


@torch.inference_mode()
def sgemm(a: Tensor, b: Tensor) -> None:
    """One product of two square float32 matrices: the speed torch itself reaches here."""
    torch.mm(a, b)
