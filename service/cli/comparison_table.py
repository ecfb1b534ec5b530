"""The offline comparison as a person reads it: two networks in columns, then time per row."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from evaluation.comparison import Comparison


def print_comparison(result: "Comparison") -> None:
    """Print a comparison; the dense network comes first, it is what is measured against."""
    console = Console(highlight=False)
    sides = (result.dense, result.fff)
    networks = Table("", *(f"{side.kind}: {side.name}" for side in sides), box=None)
    if result.fff.accuracy is not None:
        networks.add_row("accuracy", *(f"{side.accuracy:.2%}" for side in sides))
    networks.add_row("FLOPs per row", *(f"{side.flops_per_row:,}" for side in sides))
    networks.add_row("weight bytes per row", *(f"{side.bytes_per_row:,}" for side in sides))
    networks.add_row("weight bytes", *(f"{side.weight_bytes:,}" for side in sides))
    console.print(networks)
    if result.agreement is not None:
        agreed = result.agreement
        console.print(
            f"\n{agreed.rows:,} rows: same class {agreed.same_class:.2%}, outputs differ by "
            f"{agreed.mean_difference:.3g} on average, {agreed.largest_difference:.3g} at most\n"
        )
    times = Table("rows at once", "dense us/row", "fff us/row", "fff is faster", box=None)
    for timing in result.timings:
        times.add_row(
            f"{timing.batch_rows}",
            f"{timing.dense_us:.2f}",
            f"{timing.fff_us:.2f}",
            f"{timing.speedup:.2f}x",
        )
    console.print(times)
    console.print(f"medians of {result.rounds} rounds, sides in turn, each first in half of them")
