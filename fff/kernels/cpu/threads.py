"""
Threads that help with a large batch: they look for work for a moment, then sleep.

A sleeping thread costs nothing and takes 10 to 50 µs to come; the caller does not wait for it
but begins. One batch at a time is helped; another one that runs meanwhile is computed alone.
"""

import threading
import weakref
from queue import SimpleQueue

import numpy as np
import numpy.typing as npt

from fff.kernels.cpu import tables as t
from fff.kernels.cpu.jobs import assist, note_cpus

_PATIENCE_LOOKS = 2_000  # about 50 µs, the time of one batch that is worth helping with
Table = npt.NDArray[np.int64]


class Helpers:
    """
    Threads and the desk where they find jobs.

    Args:
        count: Threads beside the calling one.
    """

    def __init__(self, count: int):
        table = np.zeros(t.DESK_FIELDS, np.int64)
        table[t.ASLEEP // 8] = 1
        wake: SimpleQueue[bool] = SimpleQueue()
        self.desk = table.ctypes.data
        note_cpus(self.desk)
        self._count, self._wake, self._table = count, wake, table
        self._busy = threading.Lock()
        for who in range(1, count + 1):
            thread = threading.Thread(target=_help, args=(table, wake, who), daemon=True)
            thread.name = f"fff-cpu-{who}"
            thread.start()
        weakref.finalize(self, _send, wake, count, False)

    def begin(self) -> bool:
        """Claim the helpers for one job; False while they help with another."""
        if not self._busy.acquire(blocking=False):
            return False
        if self._table[t.ASLEEP // 8]:
            self._table[t.ASLEEP // 8] = 0
            _send(self._wake, self._count, True)
        return True

    def end(self) -> None:
        """Give the helpers free."""
        self._busy.release()


def _help(table: Table, wake: SimpleQueue[bool], who: int) -> None:
    while wake.get():
        assist(table.ctypes.data, who, _PATIENCE_LOOKS)


def _send(wake: SimpleQueue[bool], count: int, go_on: bool) -> None:
    for _ in range(count):
        wake.put(go_on)
