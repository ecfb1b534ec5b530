"""
A model's one compute thread: begun when it is first needed, and again if it is needed after it
was ended. A model that never computes a large batch never has one.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

A = TypeVar("A")
R = TypeVar("R")


class ComputeThread:
    """
    Runs one call after the other.

    Args:
        name: Of the model, for whoever lists the process's threads.
        threads: Of torch, inside one matrix product.
    """

    def __init__(self, name: str, threads: int):
        self._name = name
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None

    def run(
        self, loop: asyncio.AbstractEventLoop, work: Callable[[A], R], on: A
    ) -> "asyncio.Future[R]":
        """
        Run `work(on)` in the thread; the future belongs to the loop.

        Raises:
            RuntimeError: If the system gives no thread; the next call asks it again.
        """
        if self._pool is None:
            self._pool = ThreadPoolExecutor(
                max_workers=1,
                thread_name_prefix=f"compute-{self._name}",
                # Per thread in torch's OpenMP build.
                initializer=torch.set_num_threads,
                initargs=(self._threads,),
            )
        try:
            return loop.run_in_executor(self._pool, work, on)
        except RuntimeError:
            self._pool = None  # it keeps what it could not start, and would run it later
            raise

    def end(self) -> None:
        """Wait for what runs, then end the thread, if there is one."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
