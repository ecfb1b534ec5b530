"""
Threads for what reads the store, apart from those that requests need.

A disk of the network may hang for hours. What waits for it then keeps a few threads of its own and
the calls behind them: no request, no other part of the service, and not the end of the process.
"""

import asyncio
import contextvars
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
Outcome = list[tuple[R | None, Exception | None]]
"""Of one call; empty once it is taken."""


class StoreThreads:
    """
    Runs each call in a new daemon thread: the interpreter waits for none of them at its end.

    Args:
        name: Of the threads, for whoever lists them.
        most: At one time; further calls wait.
    """

    def __init__(self, name: str, most: int):
        self._name = name
        self._free = asyncio.Semaphore(most)

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` in the caller's context; whoever is cancelled meanwhile leaves it running."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        call = partial(contextvars.copy_context().run, partial(work, *args, **kwargs))
        outcome: Outcome[R] = []
        end = partial(loop.call_soon_threadsafe, self._end, future, outcome)
        begin = partial(_run, [call], outcome, end)
        del call, args, kwargs
        Thread(target=begin, name=self._name, daemon=True).start()
        try:
            return await future
        finally:
            del future  # an exception it holds would hold this frame

    def _end(self, future: asyncio.Future[R], outcome: Outcome[R]) -> None:
        self._free.release()
        result, failure = outcome.pop()
        if future.done():  # cancelled
            return
        if failure is not None:
            future.set_exception(failure)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None only where R is


def _run(calls: list[Callable[[], R]], outcome: Outcome[R], end: Callable[[], object]) -> None:
    """
    Call, and have the event loop take the outcome.

    This thread may end after whoever waits has gone on, so it keeps nothing: a model is to be free
    when its last user is done with it.
    """
    try:
        outcome.append((calls.pop()(), None))
    except Exception as exc:
        outcome.append((None, exc))
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        end()
