"""
`python -m bench.kernels.fields`: a tree on two coordinates, against networks that draw the same.

A field, such as an image as a function of its coordinates, is a network of two inputs asked at
millions of points. Each boundary halves the points of its node, so that every leaf is met; weights
are random otherwise: times alone are compared here, and no side draws anything. Sides alternate in
one run on one thread, points change with every call, and a figure is the median of the rounds. The
last line of standard output is one JSON object.

Covered:      trees of depth 12 and 15; a dense network of the first one's 32,768 neurons; an MLP
              of three hidden layers of 128 on 64 random Fourier features.
Not covered:  what each can draw; GPUs, where such an MLP is at home.
"""

import argparse
import json
from collections.abc import Iterator
from functools import partial
from math import tau

import torch
from torch import Tensor, nn

from bench.networks import Shape, random_dense, random_tree
from bench.rivals import Run, dense
from bench.rows import batches
from bench.timing import TimedCall, warm_call_s
from fff.weights import FFFWeights
from loadtest.harness.machine import machine, today
from networks.backends import build_backend

SMALL, LARGE = Shape(2, 1, 8, 12), Shape(2, 1, 8, 15)
FEATURES, HIDDEN = 64, 128
POINTS_A_LEAF, BATCHES = 16, 8


class FourierFeatures(nn.Module):
    """`[n, 2]` to the sines and cosines of random directions, `[n, 128]`."""

    def __init__(self) -> None:
        super().__init__()
        self.directions = nn.Parameter(torch.randn(2, FEATURES))

    def forward(self, x: Tensor) -> Tensor:
        angle = tau * x @ self.directions  # [n, 64]
        return torch.cat((angle.sin(), angle.cos()), -1)  # [n, 128]


def mlp() -> Run:
    """Three hidden layers of 128 on Fourier features, in eager torch."""
    hidden = (part for _ in range(3) for part in (nn.Linear(HIDDEN, HIDDEN), nn.ReLU()))
    run: Run = torch.inference_mode()(
        nn.Sequential(FourierFeatures(), *hidden, nn.Linear(HIDDEN, 1)).forward
    )
    return run


def halving_tree(shape: Shape, generator: torch.Generator) -> FFFWeights:
    """Draw a tree of which each node sends half of the points of the square that reach it right."""
    w = random_tree(shape, generator)
    x = _points(POINTS_A_LEAF * w.leaves, generator)
    node = torch.zeros(len(x), dtype=torch.long)
    for level in range(w.depth):
        score = (x * w.node_weight[node]).sum(-1)  # [n]
        order = score.argsort()
        order = order[node[order].argsort(stable=True)]  # by node, then by score
        of_level = slice(2**level - 1, 2 ** (level + 1) - 1)
        w.node_bias[of_level] = -score[order].view(2**level, -1).median(1).values
        # By rank, so that halves stay equal; a point on the boundary may be counted to either.
        node[order] = 2 ** (level + 1) - 1 + torch.arange(len(x)) // (len(x) >> (level + 1))
    return w


def _points(count: int, generator: torch.Generator) -> Tensor:
    return 2 * torch.rand(count, 2, generator=generator) - 1


def tree(shape: Shape, generator: torch.Generator) -> Run:
    """Our backend, as in the service."""
    weights = halving_tree(shape, generator)
    backend = build_backend(weights, torch.device("cpu"), "numba", 1)
    return lambda x: backend.infer(x).logits


def _run_next(run: Run, rows: Iterator[Tensor]) -> None:
    run(next(rows))


def main() -> None:
    """Time the sides; print a line for each, and the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4096, help="of a call")
    parser.add_argument("--budget-s", type=float, default=30, help="seconds, for all sides")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    wide = random_dense(SMALL, SMALL.training_width, generator)
    sides = {
        "tree, depth 12": tree(SMALL, generator),
        "tree, depth 15": tree(LARGE, generator),
        "mlp": mlp(),
        "dense": torch.inference_mode()(dense(wide)),
    }
    rows = _points(BATCHES * options.rows, generator)
    timed = {
        name: TimedCall(partial(_run_next, run, batches(rows, options.rows)), lap=BATCHES)
        for name, run in sides.items()
    }
    ns = {k: 1e9 * s / options.rows for k, s in warm_call_s(timed, options.budget_s).items()}
    for name, figure in ns.items():
        print(f"{name:15} {figure:10,.1f} ns a row")
    circumstances = {"machine": machine(), "date": today(), "threads": 1, "rows": options.rows}
    print(json.dumps(circumstances | {"ns_a_row": ns}))


if __name__ == "__main__":
    main()
