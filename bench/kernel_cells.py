"""The figures of the kernel bench: a cell with the contract's field names, and its table row."""

from collections.abc import Mapping
from typing import Any

from bench.contenders import Contenders, Shape
from bench.rows import Routing

Cell = dict[str, Any]  # a plain dict, because `in` is a field and no Python name
COLUMNS = (
    *("batch", "routing", "ours\nµs", "dense\nµs", "dense\n/ ours", "narrow\nµs", "narrow\n/ ours"),
    *("gather\nµs", "gather\n/ ours", "ours\nGFLOP/s", "sgemm\nGFLOP/s", "of the\nceiling"),
)


def cell(
    shape: Shape,
    batch: int,
    routing: Routing,
    sides: Contenders,
    call_s: Mapping[str, float],
    sgemm_flops: int,
) -> Cell:
    """
    Name the figures.

    Args:
        shape: Of the tree.
        batch: Rows of a call.
        routing: Of the rows.
        sides: Who ran.
        call_s: Seconds of a call, by side, and of `sgemm`.
        sgemm_flops: Of one such product.
    """
    us = {name: 1e6 * seconds for name, seconds in call_s.items()}
    gflops = sides.tree.flops_per_row * batch / call_s["ours"] / 1e9
    sgemm_gflops = sgemm_flops / call_s["sgemm"] / 1e9
    return {
        "device": sides.backend.device.type,
        "dtype": "float32",
        "in": shape.i,
        "out": shape.o,
        "leaf": shape.l,
        "depth": shape.d,
        "batch": batch,
        "routing": routing,
        "ours_us": us["ours"],
        "dense_us": us["dense"],
        "dense_inference_us": us["dense_inference"],
        "gather_us": us["gather"],
        "moe_us": None,  # not measured yet
        "ratio_dense": us["dense"] / us["ours"],
        "ratio_dense_inference": us["dense_inference"] / us["ours"],
        "ratio_gather": us["gather"] / us["ours"],
        "flop_ratio": shape.flop_ratio,
        "gflops": gflops,
        "sgemm_gflops": sgemm_gflops,
        "fraction_of_ceiling": gflops / sgemm_gflops,
        "backend": sides.backend.name,
    }


def shape_of(found: Cell) -> str:
    """Name the shape a cell belongs to."""
    return "in {in}, out {out}, leaf {leaf}, depth {depth}".format(**found)


def losses(found: list[Cell]) -> str:
    """Count the cells in which a side is faster than ours."""
    sides = {"dense": "dense", "dense_inference": "narrow", "gather": "gather"}
    counts = [
        f"{sum(one[f'ratio_{side}'] < 1 for one in found)} to {name}"
        for side, name in sides.items()
    ]
    return f"Of {len(found)} cells we lose {', '.join(counts)} (▼)"


def table_row(found: Cell) -> list[str]:
    """Write a cell under `COLUMNS`."""
    return [
        str(found["batch"]),
        found["routing"],
        _us(found["ours_us"]),
        *_against(found, "dense"),
        *_against(found, "dense_inference"),
        *_against(found, "gather"),
        f"{found['gflops']:.1f}",
        f"{found['sgemm_gflops']:.0f}",
        f"{found['fraction_of_ceiling']:.1%}",
    ]


def _against(found: Cell, side: str) -> tuple[str, str]:
    ratio = found[f"ratio_{side}"]
    shown = f"{ratio:.2f}" if ratio < 10 else f"{ratio:,.0f}"
    return _us(found[f"{side}_us"]), shown if ratio >= 1 else f"[red]▼ {shown}[/]"


def _us(us: float) -> str:
    return f"{us:,.0f}" if us >= 10 else f"{us:.1f}"
