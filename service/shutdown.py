"""
How long a stop may take, and what ends the process when that is not enough.

Covered:      the times of a stop; a second signal, which shortens them; a process that would hang.
Not covered:  what happens at these times (`server`, `engine`); an interpreter whose lock native
              code holds for ever, which no thread of the process can end.
"""

import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

log = logging.getLogger(__name__)

CLOSING_S = 8.0
"""
At the end of the grace, for what each part may take: the last answers 1.5; gRPC's answers 3, and
meanwhile the shadow's process 2; the last spans 3.
"""

SAYING_S = 1.0  # for the last line: it may be standard error that hangs


class Times(NamedTuple):
    """
    When what begins, in seconds of the monotonic clock.

    Attributes:
        refuse_s: New requests are refused.
        close_s: What is not answered is refused, and connections that are still open are closed.
        end_s: The process ends, whatever it is doing.
    """

    refuse_s: float
    close_s: float
    end_s: float


class Deadline:
    """
    The times of the stop, once one has been asked for; `enforce` makes them hold.

    Args:
        delay_s: From the first signal until new requests are refused.
        grace_s: From the first signal until the process ends.
        unanswered: Counts the accepted requests without an answer, for the last line of the log.

    Attributes:
        times: None until a stop is asked for.
        hurried: Whether a second signal came.
        last_s: At the end of the grace, in seconds: for a batch under way to end, for the last
            answers to leave, and for what is cut off to notice; of each once.
    """

    def __init__(self, delay_s: float, grace_s: float, unanswered: Callable[[], int]):
        self.times: Times | None = None
        self.hurried = False
        self._delay_s, self._grace_s = delay_s, grace_s
        self._closing_s = min(CLOSING_S, (grace_s - delay_s) / 2)
        self.last_s = self._closing_s / 16
        self._unanswered = unanswered
        self._exit_code = 0
        # Not a lock nor an event: a signal may interrupt whoever holds them, in the same thread.
        self._ends: queue.SimpleQueue[float] = queue.SimpleQueue()

    def enforce(self) -> None:
        """End the process when the time is over, from a thread of its own."""
        threading.Thread(target=self._watch, name="stop-deadline", daemon=True).start()

    def signalled(self) -> None:
        """Take a signal, in its handler: the first begins the stop, every further one hurries."""
        now_s = time.monotonic()
        if self.times is None:
            end_s = now_s + self._grace_s
            self._set(Times(now_s + self._delay_s, end_s - self._closing_s, end_s))
        else:
            self.hurried = True
            self._set(Times(now_s, now_s, min(self.times.end_s, now_s + self._closing_s)))

    def failed(self, grace_s: float) -> None:
        """Begin the stop of a service that cannot go on; the exit code is then 1."""
        self._exit_code = 1
        now_s = time.monotonic()
        self._set(Times(now_s, now_s + grace_s, now_s + grace_s + self._closing_s))

    def _set(self, times: Times) -> None:
        self.times = times
        self._ends.put(times.end_s)

    def _watch(self) -> None:
        end_s = self._ends.get()
        while (left_s := end_s - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                end_s = min(end_s, self._ends.get(timeout=left_s))
        saying = threading.Thread(target=self._say, daemon=True)
        saying.start()
        saying.join(SAYING_S)
        os._exit(self._exit_code)

    def _say(self) -> None:
        text = "the grace of the stop is over: the process ends, %d requests are not answered"
        log.error(text, self._unanswered())
