"""
Who is timed by the kernel bench, each with float32 rows of the CPU in and logits on the CPU out.

The copies to a device and back are on every side's clock, because they are on a user's.

Shape letters: see `fff.weights`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from fff.activations import activation_by_name
from fff.backends import Backend, build_backend
from fff.weights import FeedForwardWeights, FFFWeights

Run = Callable[[Tensor], Tensor]
ACTIVATION = "relu"


@dataclass(frozen=True, slots=True)
class Shape:
    """Widths and depth of a tree."""

    i: int
    o: int
    l: int  # noqa: E741  (the package's alphabet of shapes)
    d: int

    @property
    def training_width(self) -> int:
        """Hidden neurons of all leaves: the dense network the tree replaces."""
        return self.l << self.d

    @property
    def inference_width(self) -> int:
        """Neurons one row meets, its leaf's and its path's: the dense network of equal size."""
        return self.l + self.d

    @property
    def flop_ratio(self) -> float:
        """FLOPs of a dense row over those of a tree row."""
        outer = self.i + self.o
        return self.training_width * outer / (self.d * self.i + self.l * outer)


@dataclass(frozen=True, slots=True)
class Contenders:
    """
    The sides at one shape, with weights drawn anew.

    Attributes:
        tree: The FFF of `ours` and `gather`.
        wide: The dense network of training width, `dense`.
        narrow: The dense network of inference width, `dense_inference`.
        backend: What the service runs.
        runs: `[n, i]` to `[n, o]`, by name.
    """

    tree: FFFWeights
    wide: FeedForwardWeights
    narrow: FeedForwardWeights
    backend: Backend
    runs: dict[str, Run]


def contenders(shape: Shape, device: torch.device, generator: torch.Generator) -> Contenders:
    """Draw the weights and put every side on the device."""
    tree = random_tree(shape, generator)
    wide = random_dense(shape, shape.training_width, generator)
    narrow = random_dense(shape, shape.inference_width, generator)
    backend = build_backend(tree, device)
    runs = {
        "ours": lambda x: backend.infer(x).logits,
        "dense": dense(wide, device),
        "dense_inference": dense(narrow, device),
        "gather": gather(tree, device),
    }
    return Contenders(tree, wide, narrow, backend, runs)


def random_tree(shape: Shape, generator: torch.Generator) -> FFFWeights:
    """Draw a tree whose scores and activations are of size 1, as a trained one's are."""
    i, o, l, leaves = shape.i, shape.o, shape.l, 1 << shape.d  # noqa: E741
    normal = partial(_normal, generator)
    return FFFWeights(
        node_weight=normal(leaves - 1, i, fan_in=i),
        node_bias=torch.zeros(leaves - 1),
        w1=normal(leaves, i, l, fan_in=i),
        b1=normal(leaves, l, fan_in=i),
        w2=normal(leaves, l, o, fan_in=l),
        b2=normal(leaves, o, fan_in=l),
        activation=ACTIVATION,
    )


def random_dense(shape: Shape, width: int, generator: torch.Generator) -> FeedForwardWeights:
    """Draw a dense network of the tree's outer widths."""
    normal = partial(_normal, generator)
    return FeedForwardWeights(
        w1=normal(shape.i, width, fan_in=shape.i),
        b1=normal(width, fan_in=shape.i),
        w2=normal(width, shape.o, fan_in=width),
        b2=normal(shape.o, fan_in=width),
        activation=ACTIVATION,
    )


def _normal(generator: torch.Generator, *size: int, fan_in: int) -> Tensor:
    drawn: Tensor = torch.randn(*size, generator=generator) / fan_in**0.5
    return drawn


def dense(weights: FeedForwardWeights, device: torch.device) -> Run:
    """Linear, activation, Linear in eager torch: what anyone would run instead."""
    act = activation_by_name(weights.activation)
    w1, b1, w2, b2 = (t.to(device) for t in weights.tensors().values())

    @torch.inference_mode()
    def run(x: Tensor) -> Tensor:
        hidden = act(torch.addmm(b1, x.to(device), w1))  # [n, w]
        return torch.addmm(b2, hidden, w2).cpu()  # [n, o]

    return run


def gather(weights: FFFWeights, device: torch.device) -> Run:
    """
    Copy each row's leaf and multiply the copies batch-wise, as published FFF code does.

    Source: `eval_forward` of pbelcak/fastfeedforward (bd360ae), written with `baddbmm`.
    """
    act = activation_by_name(weights.activation)
    node_weight, node_bias, w1, b1, w2, b2 = (t.to(device) for t in weights.tensors().values())

    @torch.inference_mode()
    def run(x: Tensor) -> Tensor:
        x = x.to(device)
        node = torch.zeros(len(x), dtype=torch.long, device=device)
        for _ in range(weights.depth):
            score = (x * node_weight[node]).sum(-1) + node_bias[node]  # [n]
            node = 2 * node + 1 + (score >= 0)
        leaf = node - (weights.leaves - 1)  # [n]
        hidden = act(torch.baddbmm(b1[leaf, None], x[:, None], w1[leaf]))  # [n, 1, l]
        return torch.baddbmm(b2[leaf, None], hidden, w2[leaf])[:, 0].cpu()  # [n, o]

    return run


def sgemm(size: int, device: torch.device, generator: torch.Generator) -> Callable[[], None]:
    """One product of two square float32 matrices: the speed torch itself reaches here."""
    a, b = (torch.randn(size, size, generator=generator).to(device) for _ in range(2))

    @torch.inference_mode()
    def run() -> None:
        product = a @ b
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        del product

    return run
