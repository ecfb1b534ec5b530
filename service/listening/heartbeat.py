"""Whether an event loop still turns, for those who ask from another thread."""

import asyncio
import time

BEAT_S = 1.0
STUCK_S = 20.0
"""A turn of a loop under the heaviest load tried here takes 0.3 s."""


class Heartbeat:
    """Notes once a second, in the loop in which it is started, that the loop turns."""

    def __init__(self) -> None:
        self._beat_s = time.monotonic()
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, in the running loop."""
        self._beat_s = time.monotonic()
        self._next = asyncio.get_running_loop().call_later(BEAT_S, self.start)

    def stop(self) -> None:
        """End; in the loop's thread."""
        if self._next is not None:
            self._next.cancel()

    def stuck_s(self, now_s: float) -> float | None:
        """
        For how long the loop has not turned; None while that is no reason to worry.

        Args:
            now_s: In the clock of `time.monotonic`.
        """
        silent_s = now_s - self._beat_s
        return silent_s if silent_s >= STUCK_S else None
