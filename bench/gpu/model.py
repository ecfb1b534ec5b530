"""
`python -m bench.gpu.model`: a table of how long our kernels might take. Nothing is measured.

For three layers and six sizes of batch: each kernel and the whole call in a CUDA graph, as the
kernels were before their round trips were mended and after (`bench.gpu.kernel_times`), beside the
best that a GPU could do, the dense layer, TARGET and which share of it that would be
(`bench.gpu.target`). Everything is in microseconds, and all of it assumed. Needs no GPU.
"""

import argparse
import sys

from bench.gpu.design import AFTER, BEFORE, Design
from bench.gpu.kernel_times import call_s, in_l2, kernel_s, kernels
from bench.gpu.target import Case, Limits, dense_s, fff_s, target
from bench.networks import Shape

SHAPES = (Shape(768, 768, 16, 8), Shape(784, 10, 16, 6), Shape(4096, 4096, 32, 9))
BATCHES = (1, 8, 32, 128, 512, 4096)
_IDEAL = ("FFF", "dense", "TARGET", "of TARGET")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser("python -m bench.gpu.model", description=__doc__)
    parser.add_argument("--cold", action="store_true", help="weights come from memory")
    options = parser.parse_args(arguments)
    print("A MODEL of assumptions: nothing here was measured. Microseconds, bfloat16 leaves.")
    for shape in SHAPES:
        _print_shape(shape, warm=not options.cold)
    return 0


def _print_shape(shape: Shape, warm: bool) -> None:
    limits = Limits()
    cases = [Case(shape, batch, 2, warm) for batch in BATCHES]
    fitting = [case.batch for case in cases if in_l2(case, limits)]
    place = f"L2 up to {max(fitting)} rows" if fitting else "memory"
    print(f"\n{shape.i} -> {shape.o}, l {shape.l}, d {shape.d}; weights in {place}")
    titles = ("route", "rank", "leaf_tiles", "infer_rows", "whole call", *_IDEAL)
    print("rows  " + "".join(f"{title:>16}" for title in titles))
    for case in cases:
        print(f"{case.batch:>4}  " + "".join(f"{cell:>16}" for cell in _cells(case, limits)))


def _cells(case: Case, limits: Limits) -> list[str]:
    """Of one batch, before and after, beside what `bench.gpu.target` says of the best."""
    before, after = ([*_parts_s(case, limits, d).values()] for d in (BEFORE, AFTER))
    pairs = [f"{_us(b)} -> {_us(a)}" for b, a in zip(before, after, strict=True)]
    best_s = fff_s(case, limits)
    shares = f"{best_s / before[-1]:.0%} -> {best_s / after[-1]:.0%}"
    return [*pairs, _us(best_s), _us(dense_s(case, limits)), f"{target(case, limits):.2f}", shares]


def _parts_s(case: Case, limits: Limits, design: Design) -> dict[str, float]:
    parts = {"route": 0.0, "rank": 0.0, "leaf_tiles": 0.0, "infer_rows": 0.0}
    parts |= {name: kernel_s(name, case, limits, design) for name in kernels(case, design)}
    return parts | {"call": call_s(case, limits, design)}


def _us(seconds: float) -> str:
    return f"{1e6 * seconds:.1f}" if seconds else "-"


if __name__ == "__main__":
    sys.exit(main())
