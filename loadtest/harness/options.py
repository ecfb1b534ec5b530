"""Bounded numbers for command lines: no load is without end by a slip of a finger."""

import argparse
from collections.abc import Callable


def between(low: int, high: int) -> Callable[[str], int]:
    """Make an argparse type for whole numbers from `low` to `high`."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"must be {low} to {high}, got {text!r}")
        return int(text)

    return parse
