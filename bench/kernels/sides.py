"""
Who is timed by the kernel bench on a CPU: float32 rows in, outputs out, nothing kept between.

A rival that nobody would run proves nothing: the dense network is measured in eager torch and
compiled, and the mixtures of experts run on our own leaf kernel.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import relu

from bench.networks import Router, Shape, random_dense, random_router, random_tree
from fff.backends import build_backend
from fff.kernels.cpu.backend import NumbaGrouped
from fff.weights import FeedForwardWeights, FFFWeights

Run = Callable[[Tensor], Tensor]
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
        runs: `[n, i]` to `[n, o]`, by name.
        backend: What the service runs, behind `ours`.
    """

    tree: FFFWeights
    wide: FeedForwardWeights
    narrow: FeedForwardWeights
    router: Router
    runs: dict[str, Run]
    backend: NumbaGrouped


def contenders(shape: Shape, generator: torch.Generator, threads: int = 1) -> Contenders:
    """Draw the weights and make every side but `dense_compiled`, which may be impossible."""
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
        **{name: mixture(backend, router, chosen) for name, chosen in MIXTURES.items()},
    }
    return Contenders(tree, wide, narrow, router, runs, backend)


def dense(weights: FeedForwardWeights) -> Run:
    """Linear, activation, Linear in torch: what anyone would run instead."""
    w1, b1, w2, b2 = weights.tensors().values()

    def run(x: Tensor) -> Tensor:
        return torch.addmm(b2, relu(torch.addmm(b1, x, w1)), w2)  # [n, o]

    return run


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
    """
    Copy each row's leaf and multiply the copies batch-wise, as published FFF code does.

    Source: the vectorised evaluation of AndreasCharalamp/fastfeedforward-experiments (1a87c30),
    written with `baddbmm`.
    """
    node_weight, node_bias, w1, b1, w2, b2 = weights.tensors().values()

    @torch.inference_mode()
    def run(x: Tensor) -> Tensor:
        node = torch.zeros(len(x), dtype=torch.long)
        for _ in range(weights.depth):
            score = (x * node_weight[node]).sum(-1) + node_bias[node]  # [n]
            node = 2 * node + 1 + (score >= 0)
        leaf = node - (weights.leaves - 1)  # [n]
        hidden = relu(torch.baddbmm(b1[leaf, None], x[:, None], w1[leaf]))  # [n, 1, l]
        return torch.baddbmm(b2[leaf, None], hidden, w2[leaf])[:, 0]  # [n, o]

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
            which = leaf[row]
            hidden = torch.matmul(x[row][None], w1[which])  # [1, l]
            hidden += b1[which][None]
            y[row] = torch.matmul(relu(hidden), w2[which])[0] + b2[which]
        return y

    return run


def mixture(backend: NumbaGrouped, router: Router, chosen: int) -> Run:
    """
    Mixture of experts: a flat router instead of the tree, our leaf kernel for the experts.

    Args:
        backend: Its leaves are the experts.
        router: One score for each expert.
        chosen: Experts a row visits; their outputs are mixed by the softmax of their scores.
    """

    @torch.inference_mode()
    def run(x: Tensor) -> Tensor:
        scores = torch.addmm(router.bias, x, router.weight)  # [n, E]
        if chosen == 1:  # the softmax of one score is 1
            return backend.compute_leaves(x, scores.argmax(1))
        best, expert = torch.topk(scores, chosen)  # [n, chosen]
        y = backend.compute_leaves(x.repeat_interleave(chosen, 0), expert.flatten())
        share = torch.softmax(best, 1)[:, None]  # [n, 1, chosen]
        return torch.bmm(share, y.view(len(x), chosen, -1))[:, 0]  # [n, o]

    return run


@torch.inference_mode()
def sgemm(a: Tensor, b: Tensor) -> None:
    """One product of two square float32 matrices: the speed torch itself reaches here."""
    torch.mm(a, b)
