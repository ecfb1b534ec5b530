"""The report as a person reads it: one table, and beneath it what it must be read beside."""

from typing import Any

from rich.table import Table

from loadtest.harness.console import wide_console
from loadtest.harness.machine import describe
from loadtest.report import SideFigures

COLUMNS = (
    *("side", "requests/s", "slowest –\nfastest leg", "rows/s", "p50\nms", "p95\nms", "p99\nms"),
    *("failures", "queue\nms", "compute\nms", "rows/\nbatch", "locust\nCPU"),
)


def print_report(sides: list[SideFigures], facts: dict[str, Any]) -> None:
    """
    Print the sides and the circumstances.

    Args:
        sides: One row each, in this order.
        facts: Fields of the JSON report: machine, date, load, command and the options of the run.
    """
    console = wide_console()
    table = Table(*COLUMNS, title="Load test")
    for column in table.columns[1:]:
        column.justify = "right"
    for side in sides:
        table.add_row(*_row(side))
    console.print(table)
    models = ", ".join(f"{side.side} is {side.model}" for side in sides)
    console.print(f"{models}. {_caption(facts)}", soft_wrap=True)


def _row(side: SideFigures) -> list[str]:
    legs = f"{side.slowest_leg_requests_per_s:,.0f} – {side.fastest_leg_requests_per_s:,.0f}"
    server = (side.queue_ms, side.compute_ms, side.rows_per_batch)
    return [
        side.side,
        f"{side.requests_per_s:,.0f}",
        legs,
        f"{side.rows_per_s:,.0f}",
        *(f"{ms:.3g}" for ms in (side.p50_ms, side.p95_ms, side.p99_ms)),
        f"[red]{side.failures}[/]" if side.failures else "0",
        *("–" if value is None else f"{value:.3g}" for value in server),
        f"{side.generator_cpu_share:.0%}",
    ]


def _caption(facts: dict[str, Any]) -> str:
    load = facts["load_average"]
    return (
        f"{facts['users']} users, {facts['rows']} rows a request, "
        f"{facts['rounds']} legs a side of {facts['duration_s']} s, in turn. "
        "Times of requests are the users', from locust, in the same machine as the service; "
        "queue is a request's mean wait and compute a batch's mean, from /metrics. Where locust "
        "takes most of a core, it limits the rate.\n"
        f"{describe(facts['machine'])} · {facts['date']} · "
        f"load average {load['before']} before, {load['after']} after\n"
        f"{facts['command']}"
    )
