"""The report of the request-path bench as a person reads it; beneath it, what it is read beside."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.http.cells import AddedLatency, Cell, Ratio
from bench.http.sides import OURS
from bench.others import Others
from loadtest.harness.machine import describe, load_average, machine, today

NAMES = ("form", "rows", "connec-\ntions")
FIGURES = ("requests/s", "rows/s", "p50\nms", "p99\nms", "CPU ms/\nrequest", "rows/\nbatch")


class Circumstances:
    """What a run is read beside; made before it, while the machine is as it was found."""

    def __init__(self) -> None:
        self._before, self._others = load_average(), Others()

    def facts(self, rounds: int, duration_s: int) -> dict[str, Any]:
        """
        Fields of the JSON report, to be read once all processes of the run have ended.

        Args:
            rounds: Legs of each server under each load.
            duration_s: Seconds of a leg.
        """
        return {
            "machine": machine(),
            "date": today(),
            "load_average": {"before": self._before, "after": load_average()},
            "others_busy_cores": self._others.cores(),
            "rounds": rounds,
            "duration_s": duration_s,
        }


def print_cells(console: Console, cells: Sequence[Cell]) -> None:
    """Print a row a cell, a line between loads."""
    rows = table("Request path", *NAMES, "server", *FIGURES, "errors")
    for number, cell in enumerate(cells):
        load = cell.form, cell.rows, cell.connections
        last = number + 1 == len(cells) or load != _load(cells[number + 1])
        figures = (cell.p50_ms, cell.p99_ms, cell.cpu_ms_per_request, cell.rows_per_batch)
        rows.add_row(
            *map(str, load),
            cell.server,
            *map(short, (cell.requests_per_s, cell.rows_per_s)),
            *map(short, figures),
            f"[red]{cell.errors}[/]" if cell.errors else "0",
            end_section=last,
        )
    console.print(rows)
    for fault in dict.fromkeys(f"{c.server}: {c.fault}" for c in cells if c.fault):
        console.print(f"[red]failed:[/] {fault}", soft_wrap=True)


def print_ratios(console: Console, ratios: Sequence[Ratio], ours: str = OURS) -> None:
    """Print a row a load, a column a server: requests a second of `ours` over its own."""
    servers = list(dict.fromkeys(ratio.server for ratio in ratios))
    if not servers:
        return
    title = f"Requests/s of {ours} over those of …"
    rows = table(title, *NAMES, *servers)
    for load in dict.fromkeys(map(_load, ratios)):
        by_server = {ratio.server: ratio for ratio in ratios if _load(ratio) == load}
        texts = (ratio_and_range(by_server[n]) if n in by_server else "–" for n in servers)
        rows.add_row(*map(str, load), *texts)
    console.print(rows)


def print_added(console: Console, added: Sequence[AddedLatency]) -> None:
    """Print what a lone client's request takes beyond the kernel and the server's floor."""
    if not added:
        return
    columns = ("round trip, p50 ms", "- compute ms", "- constant's p50 ms", "= added ms")
    rows = table("Added latency at one connection", *NAMES[:2], *columns)
    for each in added:
        ms = (each.round_trip_ms, each.compute_ms, each.floor_ms, each.added_ms)
        rows.add_row(each.form, str(each.rows), *(f"{value:.3f}" for value in ms))
    console.print(rows)


def print_circumstances(console: Console, facts: dict[str, Any]) -> None:
    """Print what the figures are read beside."""
    load = facts["load_average"]
    console.print(
        f"medians over {facts['rounds']} round(s), in brackets the least and the greatest; legs of "
        f"{facts['duration_s']} s in turn, servers and wrk on the same machine\n"
        f"{describe(facts['machine'])} · {facts['date']} · load average {load['before']} before, "
        f"{load['after']} after · others kept {facts['others_busy_cores']} cores busy",
        soft_wrap=True,
    )


def short(figure: float | None) -> str:
    """Write three digits, or all before the point; a dash for nothing."""
    if figure is None:
        return "–"
    return f"{figure:,.0f}" if figure >= 1000 else f"{figure:.3g}"


def table(title: str, *columns: str) -> Table:
    """Make a table with its names at the left and its figures at the right."""
    empty = Table(title=title)
    for column in columns:
        empty.add_column(column, justify="left" if column in ("form", "server") else "right")
    return empty


def ratio_and_range(ratio: Ratio) -> str:
    """Write a ratio, and in brackets the least and the greatest."""
    return f"{ratio.ratio:.2f} ({ratio.lowest:.2f}–{ratio.highest:.2f})"


def _load(figures: Cell | Ratio) -> tuple[str, int, int]:
    return figures.form, figures.rows, figures.connections
