"""
Long work beside the predictions: in a thread, a bounded piece at a time.

A piece may hold the interpreter, and the event loop waits for it when it does; so a piece is to
take less than a millisecond, and between two pieces the loop has its turn. One piece of the whole
service at once: however many ask, what lies beside never takes more than one core, and the loop
never waits for more than one piece.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Aside:
    """Runs pieces, one after the other, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def run(self, piece: Callable[[], T]) -> T:
        """Run a piece in a thread, when it is its turn; returns or raises as it does."""
        async with self._turn:
            return await asyncio.to_thread(piece)
