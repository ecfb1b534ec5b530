"""Options of measuring commands; bounded numbers: no load is without end by a slip of a finger."""

import argparse
from collections.abc import Callable


def command_parser(name: str, description: str) -> argparse.ArgumentParser:
    """Make a parser for `python -m NAME` whose help shows the defaults."""
    return argparse.ArgumentParser(
        prog=f"python -m {name}",
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )


def add_legs(
    parser: argparse.ArgumentParser, rounds: int, duration_s: int, most_rounds: int = 20
) -> None:
    """
    Add `--rounds` and `--duration-s` of servers that are loaded in turn.

    Args:
        parser: The options are added to it.
        rounds: By default; legs of each server.
        duration_s: By default; seconds of a leg, 60 at most.
        most_rounds: Upper bound of `--rounds`.
    """
    add = parser.add_argument
    add("--rounds", type=between(1, most_rounds), default=rounds, help="legs of each server")
    add("--duration-s", type=between(1, 60), default=duration_s, help="seconds of a leg")


def add_connections(parser: argparse.ArgumentParser, connections: int) -> None:
    """Add `--connections`, 64 at most, with its default."""
    parser.add_argument(
        "--connections", type=between(1, 64), default=connections, help="kept open at a time"
    )


def between(low: int, high: int) -> Callable[[str], int]:
    """Make an argparse type for whole numbers from `low` to `high`."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"must be {low} to {high}, got {text!r}")
        return int(text)

    return parse
