"""The offline comparison as a person reads it: two networks in columns, then time per row."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from evaluation.comparison import OfflineComparison


def print_comparison(result: "OfflineComparison") -> None:
    """Print a comparison; the dense network comes first, it is what is measured against."""
    console = Console(highlight=False)
    console.print(_networks(result))
    if result.agreement is not None:
        agreement = result.agreement
        console.print(
            f"\n{agreement.rows:,} rows: same class {agreement.same_class:.2%}, outputs differ by "
            f"{agreement.mean_difference:.3g} on average, "
            f"{agreement.largest_difference:.3g} at most\n"
        )
    console.print(_times(result))
    console.print(f"medians of {result.rounds} rounds, sides in turn, each first in half of them")


def _networks(result: "OfflineComparison") -> Table:
    pair = (result.dense, result.fff)
    table = Table("", *(f"{network.kind}: {network.name}" for network in pair), box=None)
    if result.fff.accuracy is not None:
        table.add_row("accuracy", *(f"{network.accuracy:.2%}" for network in pair))
    table.add_row("FLOPs per row", *(f"{network.flops_per_row:,}" for network in pair))
    table.add_row("weight bytes per row", *(f"{network.bytes_per_row:,}" for network in pair))
    table.add_row("weight bytes", *(f"{network.weight_bytes:,}" for network in pair))
    return table


def _times(result: "OfflineComparison") -> Table:
    table = Table("rows at once", "dense us/row", "fff us/row", "fff is faster", box=None)
    for timing in result.timings:
        table.add_row(
            f"{timing.batch_rows}",
            f"{timing.dense_us:.2f}",
            f"{timing.fff_us:.2f}",
            f"{timing.speedup:.2f}x",
        )
    return table
