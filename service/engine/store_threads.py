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
        end = partial(loop.call_soon_threadsafe, partial(self._end, future))
        Thread(target=_run, args=(call, end), name=self._name, daemon=True).start()
        del call, end
        try:
            return await future
        finally:
            del future  # an exception it holds would hold this frame

    def _end(self, future: asyncio.Future[R], result: R | None, failure: Exception | None) -> None:
        self._free.release()
        if future.done():  # cancelled
            return
        if failure is not None:
            future.set_exception(failure)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None only where R is


def _run(call: Callable[[], object], end: Callable[[object, Exception | None], object]) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        try:
            result = call()
        except Exception as exc:
            end(None, exc)
        else:
            end(result, None)
