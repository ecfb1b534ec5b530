"""
Long text made in a thread, beside an event loop that wants the interpreter lock now and then.

A thread of plain Python gives the lock up only when another has waited 5 ms for it. Whoever walks
a list by `paced` sleeps briefly now and then, and so others wait for one stretch of the walk.
"""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

STRETCH_S = 0.5e-3
PAUSE_S = 50e-6  # enough for a thread that waits to wake up and take the lock


def let_go() -> None:
    """Let other threads have the interpreter, between two pieces."""
    time.sleep(PAUSE_S)


def paced(items: Iterable[T]) -> Iterator[T]:
    """Give the items, with a pause after each stretch of time; only ever outside an event loop."""
    begun_s = time.perf_counter()
    for item in items:
        yield item
        if time.perf_counter() - begun_s > STRETCH_S:
            let_go()
            begun_s = time.perf_counter()
