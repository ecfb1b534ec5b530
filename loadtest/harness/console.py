"""Where reports are printed: tables as wide as they are, into a terminal, a file or a pipe."""

from rich.console import Console


def wide_console() -> Console:
    """Write to standard output; a file or a pipe has no width, and wrapped rows are no table."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=120, highlight=False)
