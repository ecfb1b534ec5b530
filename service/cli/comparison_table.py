"""The offline comparison as a person reads it: two networks in columns, then time per row."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table

if TYPE_CHECKING:
    from evaluation.comparison import OfflineComparison
    from fff.comparison import Agreement


def print_comparison(result: "OfflineComparison") -> None:
    """Print a comparison; the baseline comes first, it is what is measured against."""
    console = Console(highlight=False)
    console.print(_networks(result))
    if result.agreement is not None:
        agreement = result.agreement
        console.print(
            f"\n{agreement.rows:,} rows: {_agreement(agreement)}, outputs differ by "
            f"{agreement.mean_difference:.3g} on average, "
            f"{agreement.largest_difference:.3g} at most\n"
        )
    console.print(_times(result))
    fewest = min(timing.rounds for timing in result.timings)
    console.print(
        f"{counted(result.threads, 'thread')} a side, in turn; medians of {fewest} rounds or more. "
        "A difference is seen where it is larger than the spread of the rounds' middle half."
    )


def _agreement(agreement: "Agreement") -> str:
    if agreement.same_class is not None:
        return f"same class {agreement.same_class:.2%}"
    return f"values within tolerance {agreement.within_tolerance:.2%}"


def counted(number: int, what: str) -> str:
    """`1 thread`, `2 threads`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _networks(result: "OfflineComparison") -> Table:
    pair = (result.dense, result.fff)
    table = Table("", *(f"{network.kind}: {network.name}" for network in pair), box=None)
    if result.fff.accuracy is not None:
        table.add_row("accuracy", *(f"{network.accuracy:.2%}" for network in pair))
    if result.fff.rmse is not None:
        table.add_row("RMSE", *(f"{network.rmse:.4g}" for network in pair))
    table.add_row("FLOPs per row", *(f"{network.flops_per_row:,}" for network in pair))
    table.add_row("weight bytes per row", *(f"{network.bytes_per_row:,}" for network in pair))
    table.add_row("weight bytes", *(f"{network.weight_bytes:,}" for network in pair))
    return table


def _times(result: "OfflineComparison") -> Table:
    dense, fff = _sides(result)
    columns = ("rows at once", f"{dense} us/row", f"{fff} us/row", f"{dense}/{fff}", "middle half")
    table = Table(*columns, Column("", no_wrap=True), box=None)
    for timing in result.timings:
        table.add_row(
            f"{timing.batch_rows}",
            f"{timing.dense_us:.2f}",
            f"{timing.fff_us:.2f}",
            f"{timing.speedup:.2f}",
            f"{timing.speedup_low:.2f}–{timing.speedup_high:.2f}",
            f"{fff if timing.speedup > 1 else dense} is faster"
            if timing.difference_seen
            else "no difference seen",
        )
    return table


def _sides(result: "OfflineComparison") -> tuple[str, str]:
    """What the baseline and the model are called: their kinds, or their names where those agree."""
    dense, fff = result.dense, result.fff
    return (dense.kind, fff.kind) if dense.kind != fff.kind else (dense.name, fff.name)
