"""
`python -m bench.kernels.fields`: a tree on two coordinates, against networks that draw the same.

A field, such as an image as a function of its coordinates, is a network of two inputs asked at
millions of points. Sides alternate in one run on one thread; a figure is the median of the rounds.
Weights are random: times alone are compared here, and no side draws anything. The last line of
standard output is one JSON object.

Covered:      the tree of depth 12 and 15; a dense network of the first tree's 32,768 neurons; an
              MLP of three hidden layers of 128 on 64 random Fourier features.
Not covered:  what each can draw; GPUs, where such an MLP is at home.
"""

import argparse
import json
from functools import partial
from math import tau

import torch
from torch import Tensor, nn

from bench.networks import Shape, random_dense, random_tree
from bench.rivals import Run, dense
from bench.timing import TimedCall, warm_call_s
from fff.backends import build_backend
from loadtest.harness.machine import machine, today

SMALL, LARGE = Shape(2, 1, 8, 12), Shape(2, 1, 8, 15)
FEATURES, HIDDEN = 64, 128


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


def tree(shape: Shape, generator: torch.Generator) -> Run:
    """Our backend, as in the service."""
    backend = build_backend(random_tree(shape, generator), torch.device("cpu"), "numba", 1)
    return lambda x: backend.infer(x).logits


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
    x = torch.rand(options.rows, 2, generator=generator)
    timed = {name: TimedCall(partial(run, x)) for name, run in sides.items()}
    ns = {k: 1e9 * s / options.rows for k, s in warm_call_s(timed, options.budget_s).items()}
    for name, figure in ns.items():
        print(f"{name:15} {figure:10,.1f} ns a row")
    circumstances = {"machine": machine(), "date": today(), "threads": 1, "rows": options.rows}
    print(json.dumps(circumstances | {"ns_a_row": ns}))


if __name__ == "__main__":
    main()
