"""
Threads that help with a large batch: they look for work for a moment, then sleep.

A sleeping thread costs nothing and takes 10 to 50 µs to come; the caller does not wait for it
but begins. One batch at a time is helped; another one that runs meanwhile is computed alone.

Own code, and not a pool of the standard library: that hands tasks out and collects them under the
interpreter lock, and getting it back can take as long as another thread's turn, 5 ms (`compile`).
"""

import threading
import weakref
from queue import SimpleQueue

import numpy as np
import numpy.typing as npt

from fff.kernels.cpu import tables as t
from fff.kernels.cpu.jobs import assist, note_cpus

_MAX_LOOKS = 2_000  # about 50 µs, the time of one batch that is worth helping with
Table = npt.NDArray[np.int64]


class HelperThreads:
    """
    Threads and the slot where they find jobs.

    Args:
        count: Threads beside the calling one, at least one.

    Attributes:
        slot: Address of the slot's table, `[SLOT_FIELDS]`, int64.
    """

    def __init__(self, count: int):
        table = np.zeros(t.SLOT_FIELDS, np.int64)
        table[t.ASLEEP // 8] = 1
        wake: SimpleQueue[bool] = SimpleQueue()
        self.slot = table.ctypes.data
        note_cpus(self.slot)
        self._count, self._wake, self._table = count, wake, table
        self._busy = threading.Lock()
        for number in range(1, count + 1):
            thread = threading.Thread(target=_run, args=(table, wake, number), daemon=True)
            thread.name = f"fff-cpu-{number}"
            thread.start()
        weakref.finalize(self, _send, wake, count, False)

    def begin(self) -> bool:
        """Claim the threads for one job; False while they help with another."""
        if not self._busy.acquire(blocking=False):
            return False
        if self._table[t.ASLEEP // 8]:
            self._table[t.ASLEEP // 8] = 0
            _send(self._wake, self._count, True)
        return True

    def end(self) -> None:
        """Release the threads for the next job."""
        self._busy.release()


def _run(table: Table, wake: SimpleQueue[bool], number: int) -> None:
    while wake.get():
        assist(table.ctypes.data, number, _MAX_LOOKS)


def _send(wake: SimpleQueue[bool], count: int, go_on: bool) -> None:
    for _ in range(count):
        wake.put(go_on)
