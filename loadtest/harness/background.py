"""Work beside a measurement: a second client, a scraper, a steady load."""

import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager


@contextmanager
def in_background(steps: Generator[None], pause_s: float = 0.0) -> Iterator[None]:
    """
    Advance a generator from a thread of its own, for the length of a block.

    The step under way is waited for, then the generator is closed.

    Args:
        steps: Does one piece of work before each `yield`.
        pause_s: Seconds between a step and the next.

    Raises:
        Exception: What a step raised, once the block has ended without an error of its own.
    """
    over = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(_advance, steps, over, pause_s)
        try:
            yield
        finally:
            over.set()
    work.result()


def _advance(steps: Generator[None], over: threading.Event, pause_s: float) -> None:
    with closing(steps):
        for _ in steps:
            if over.wait(pause_s):
                return
