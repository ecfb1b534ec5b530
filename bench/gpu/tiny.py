"""
`python -m bench.gpu.tiny`: as little as uses every kernel, to run under `compute-sanitizer`.

A layer 123 -> 11 of eight leaves with a master leaf, 3 rows and 40, from the host and back. Exits
0 if the leaves are the reference's. With `TRITON_INTERPRET=1` it runs without a GPU.
"""

import os
import sys
from dataclasses import replace

import torch

from bench.networks import Shape, random_dense, random_tree
from fff import reference
from fff.kernels.gpu.backend import TritonGrouped

SIZES = (3, 40)  # unsorted and sorted


def main() -> int:
    """Run it; returns the exit code."""
    device = torch.device("cpu" if os.environ.get("TRITON_INTERPRET") == "1" else "cuda")
    generator, shape = torch.Generator().manual_seed(0), Shape(123, 11, 5, 3)
    master = random_dense(shape, 7, generator)
    w = replace(random_tree(shape, generator), master=master, master_logit=torch.tensor(0.3))
    x = torch.randn(max(SIZES), shape.i, generator=generator)
    true, _ = reference.route(x, w)
    right = True
    for dtype in ("bfloat16", "float32"):
        net = TritonGrouped(w, device, dtype, max_rows=max(SIZES))
        right &= all(torch.equal(net.infer(x[:n]).leaf[:, 0].long(), true[:n]) for n in SIZES)
    print("leaves are", "right" if right else "wrong")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
