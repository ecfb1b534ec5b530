"""A report as a person reads it on a terminal: the sentences, then one line a network."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table

from evaluation.report.frontier import MEASURES
from evaluation.report.tables import (
    PUBLISHED_TITLES,
    WORD_COLUMNS,
    circumstances,
    headline,
    marks,
    point_rows,
    published_rows,
    titles,
)

if TYPE_CHECKING:
    from evaluation.report.report import Report

_BETWEEN = 2  # columns of the terminal between two of a table
_UNBOUNDED = 10_000


def print_report(report: "Report", written: Sequence[Path]) -> None:
    """Print a report, with as many columns as the terminal has room for; all where it is none."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    width = console.width if console.is_terminal else _UNBOUNDED
    console.print(f"{headline(report)}\n")
    for measure in MEASURES:
        console.print(report.sentences[measure.name])
    for sentence in report.equal_error:
        console.print(f"At equal error: {sentence}")
    console.print()
    _print_table(console, titles(report), point_rows(report), width)
    for line in marks(report):
        console.print(line)
    if report.published:
        console.print("\nBeside the best that was published of the same shapes:\n")
        _print_table(console, PUBLISHED_TITLES, published_rows(report), width)
    for each in report.left_out:
        console.print(f"left out: {each.model}: {each.why}")
    console.print(circumstances(report))
    if written:
        console.print(f"written to {written[0].parent}: {', '.join(file.name for file in written)}")


def _print_table(
    console: Console, titles: Sequence[str], rows: Sequence[Sequence[str]], width: int
) -> None:
    widths = [
        max(map(len, [*titles[place].split(), *(row[place] for row in rows)]))
        for place in range(len(titles))
    ]
    shown = [n for n in range(len(titles)) if sum(widths[: n + 1]) + _BETWEEN * n <= width]
    table = Table(
        *(
            Column(
                titles[n],
                justify="left" if titles[n] in WORD_COLUMNS else "right",
                width=widths[n],
            )
            for n in shown
        ),
        box=None,
        padding=(0, _BETWEEN, 0, 0),
        pad_edge=False,
    )
    for row in rows:
        table.add_row(*(row[n] for n in shown))
    # A console of its own: where there is no terminal, rich takes it to be 80 columns wide.
    Console(highlight=False, markup=False, width=sum(widths) + _BETWEEN * len(widths)).print(table)
    if len(shown) < len(titles):
        console.print(f"for lack of width without: {', '.join(titles[len(shown) :])}")
