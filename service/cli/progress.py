"""
Progress of long work: on standard error, and only where that is a terminal.

Standard output is for results, so that it can be piped on.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

Advance = Callable[[int, int], None]
"""Told how much is done, and of how much."""


def bars(*columns: "ProgressColumn | str", refreshes_itself: bool = True) -> "Progress":
    """
    Bars with these columns, gone when the work is done; nothing where nobody looks.

    Args:
        columns: As rich has them.
        refreshes_itself: By a thread of its own, ten times a second.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    seen = console.is_terminal and not console.is_dumb_terminal
    return Progress(
        *columns,
        console=console,
        transient=True,
        disable=not seen,
        auto_refresh=refreshes_itself,
    )


@contextmanager
def steps(what: str) -> Iterator[Advance]:
    """One bar that moves when it is told to: no thread beside what is being timed."""
    with bars(*_step_columns(), refreshes_itself=False) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total, refresh=True)


@contextmanager
def working(what: str) -> Iterator[None]:
    """What is being done, and for how long by now, where its end is not known."""
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with bars(*columns) as progress:
        progress.add_task(what, total=None)
        yield


def _step_columns() -> "tuple[ProgressColumn, ...]":
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

    return TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
