"""How far a long piece of work has come, told to whoever shows it."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with what is done and what there is to do, in units of the work's own."""


def no_progress(done: int, total: int) -> None:
    """Tell nobody."""


def part(progress: Progress, number: int, parts: int) -> Progress:
    """One of several equal parts of the work, counted from 0, as progress of the whole."""
    return lambda done, total: progress(number * total + done, parts * total)
