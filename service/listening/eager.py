"""
A coroutine whose first step is taken now and not in a later turn of the event loop.

Python 3.12 has such tasks (`asyncio.eager_task_factory`); this is for 3.11.
"""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Begun(Generic[T]):
    """
    What is left of a coroutine after its first step, to be awaited once.

    Args:
        coroutine: Waits for a future in its first step.

    Raises:
        Exception: What the first step raised.
    """

    def __init__(self, coroutine: Coroutine[asyncio.Future[Any], Any, T]):
        self._coroutine = coroutine
        self._waits_for = coroutine.send(None)

    def __await__(self) -> Generator[asyncio.Future[Any], Any, T]:
        waits_for = self._waits_for
        try:
            while True:
                try:
                    came = yield waits_for
                except BaseException as exc:
                    waits_for = self._coroutine.throw(exc)
                else:
                    waits_for = self._coroutine.send(came)
        except StopIteration as end:
            result: T = end.value
            return result
