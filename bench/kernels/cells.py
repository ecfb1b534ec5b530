"""The figures of the kernel bench: a cell with the contract's field names."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.kernels.floor import Traffic, floor_s
from bench.kernels.grid import Condition
from bench.kernels.sides import MIXTURES
from bench.networks import Cell, Shape
from fff.weights import FFFWeights

RIVALS = (
    *("dense", "dense_compiled", "dense_inference", "gather", "authors"),
    *MIXTURES,
)
ROUTER_ALONE = ", router alone"
"""Ends the name of a mixture whose router has one thread of torch."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """
    What the machine reached in this cell with nothing else to do.

    Attributes:
        flops_s: FLOPs a second of torch's matrix product.
        bytes_s: Bytes a second of reading what a batch reads.
    """

    flops_s: float
    bytes_s: float


def cell(
    shape: Shape,
    condition: Condition,
    tree: FFFWeights,
    call_s: Mapping[str, float],
    ceiling: Ceiling,
    met: Traffic,
    threads: int,
) -> Cell:
    """
    Name the figures.

    Args:
        shape: Widths and depth of the tree.
        condition: Batch size, routing and temperature of the weights.
        tree: Gives the FLOPs of a row.
        call_s: Seconds of a call, by side; a side that is missing was not measured.
        ceiling: Measured in the same rounds.
        met: Leaves and bytes of a batch.
        threads: That every side computed with.

    Returns:
        The fields of the interface contract, and others; None for sides without a time.
    """
    ours_s, flops = call_s["ours"], tree.flops_per_row * condition.batch
    rivals_s = {name: _fastest(name, call_s) for name in RIVALS}
    floor = floor_s(flops, ceiling.flops_s, met.bytes, ceiling.bytes_s)
    ratios = {name: None if s is None else s / ours_s for name, s in rivals_s.items()}
    moe = ratios["moe"]
    return {
        "device": "cpu",
        "dtype": "float32",
        "threads": threads,
        **shape.fields,
        "batch": condition.batch,
        "routing": condition.routing,
        "weights": condition.weights,
        "ours_us": 1e6 * ours_s,
        **{f"{name}_us": None if s is None else 1e6 * s for name, s in rivals_s.items()},
        **{f"ratio_{name}": ratio for name, ratio in ratios.items()},
        "flop_ratio": shape.flop_ratio,
        "moe_flop_ratio": shape.moe_flop_ratio,
        "fraction_of_moe_flop_ratio": None if moe is None else moe / shape.moe_flop_ratio,
        "gflops": flops / ours_s / 1e9,
        "sgemm_gflops": ceiling.flops_s / 1e9,
        "fraction_of_sgemm": flops / ours_s / ceiling.flops_s,
        "leaves_touched": met.leaves,
        "bytes_touched": met.bytes,
        "read_gb_s": ceiling.bytes_s / 1e9,
        "floor_us": 1e6 * floor,
        "bound": "bytes" if floor == met.bytes / ceiling.bytes_s else "flops",
        "fraction_of_ceiling": floor / ours_s,
        "backend": "numba",
    }


def shape_of(cell: Cell) -> str:
    """Name the shape a cell belongs to."""
    return "in {in}, out {out}, leaf {leaf}, depth {depth}".format(**cell)


def _fastest(name: str, call_s: Mapping[str, float]) -> float | None:
    return min((call_s[n] for n in (name, name + ROUTER_ALONE) if n in call_s), default=None)
