"""
What would hold the event loop is done in threads, in pieces: one rule for what comes and goes.

Every piece of work keeps the interpreter to itself while it runs. So work that a client can make
as long as it likes is cut into pieces, each well under a millisecond, after each of which the
thread lets go of the interpreter. Waiting to be asked for it is no use: the event loop would wait
for 5 ms first (`sys.getswitchinterval`).

Covered:      how large is too large for the event loop, in both directions; the threads.
Not covered:  what is read and written (`service.protocol`), who waits for it (`service.http`,
              `service.grpc`), a model's batches (`compute_thread`).
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from fff.malloc import give_back_freed_memory
from service.metrics.pacing import let_go

T = TypeVar("T")

IN_LOOP_BYTES = 512 * 1024
"""
Larger bodies are read, and larger answers written, in a thread. As much JSON holds the event loop
for 1.4 ms (Xeon, 2026-11-24), about the budget of a batch; 64 rows of 784 numbers stay below it.
"""
IN_LOOP_SLOW_BYTES = 64 * 1024
"""The same for what takes ten times as long a byte: to compress, or to read JSON into objects."""

PIECE_BYTES = 64 * 1024
"""Of a body, at once: 0.1 ms to parse, or to compress 0.6 (Xeon VM, 2026-11-26)."""
PIECE_NUMBERS = 8192
"""Of an answer, at once: 0.2 ms to write as JSON (2-core Xeon VM, 2026-11-25)."""

_THREADS = 2  # so that one large body does not keep another waiting; more would only take memory
_GIVE_BACK_S = 5.0
"""250 MB left behind take 16 ms to give back, and nothing left 0.2 (EPYC, 2026-11-27)."""


class HoldsLoop(Exception):
    """Work that is not for the event loop; to be done again, in a thread."""


def require_thread() -> None:
    """
    Refuse to go on in the event loop.

    Raises:
        HoldsLoop: If this is the event loop.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise HoldsLoop


def letting_go(pieces: Iterable[T]) -> Iterator[T]:
    """Let go of the interpreter after each piece."""
    for piece in pieces:
        yield piece
        let_go()


class Offload:
    """
    A few threads for large bodies and large answers, and for nothing else.

    That they are few also bounds the memory: what is inflated, parsed or written at one time.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="large")
        self._giving_back: asyncio.TimerHandle | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """Do something in a thread, in the context of the request; it should let go of itself."""
        context = copy_context()
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, lambda: context.run(work))
        finally:
            self.give_back_soon()

    def give_back_soon(self) -> None:
        """Give the memory of what is large back to the system, once for all of the next while."""
        if self._giving_back is None:
            loop = asyncio.get_running_loop()
            self._giving_back = loop.call_later(_GIVE_BACK_S, self._give_back)

    def _give_back(self) -> None:
        self._giving_back = None
        self._threads.submit(give_back_freed_memory)

    def close(self) -> None:
        """End the threads; nothing may wait any more."""
        if self._giving_back is not None:
            self._giving_back.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)
