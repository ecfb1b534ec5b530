"""
What the shadow of one FFF has found: agreement, output difference and speed-up against its twin.

Covered:      comparing two networks' logits row by row; counts since start, shares and times over
              a sliding window of batches.
Not covered:  where the twin's answers come from (`shadow`), how it is shown (`shadow_collector`).

Every row offered is computed, dropped or still waiting; no fourth thing happens to it. All of it
happens on the event loop, so a snapshot is whole.
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Logits = npt.NDArray[np.float32]

DIFFERENCE_BUCKETS = tuple(2.0**k for k in range(-10, 11))
"""Differences of logits, geometric: from what nobody would notice to a thousand."""


class Compared(NamedTuple):
    """
    A batch as the twin answered it.

    Attributes:
        rows: Where the twin's logits are finite; it has no answer for the others.
        same: Of these, how many have the same class by both networks.
        difference_counts: Rows by bucket of `DIFFERENCE_BUCKETS`, and one more beyond the last.
        difference_sum: Of the rows' largest absolute differences of a logit.
        dense_ns: Processor time of the thread that computed the twin's logits.
    """

    rows: int
    same: int
    difference_counts: list[int]
    difference_sum: float
    dense_ns: int


def compared(ours: Logits, theirs: Logits, dense_ns: int) -> Compared:
    """Hold `[n, o]` of the FFF against `[n, o]` of its twin."""
    answered = np.isfinite(theirs).all(axis=1)
    ours, theirs = ours[answered], theirs[answered]
    # float64: two finite float32 may be further apart than float32 reaches
    difference = np.abs(ours - theirs.astype(np.float64)).max(axis=1)  # [n]
    bucket = np.searchsorted(DIFFERENCE_BUCKETS, difference)  # le is inclusive: side="left"
    return Compared(
        rows=len(ours),
        same=int((ours.argmax(axis=1) == theirs.argmax(axis=1)).sum()),
        difference_counts=np.bincount(bucket, minlength=len(DIFFERENCE_BUCKETS) + 1).tolist(),
        difference_sum=float(difference.sum()),
        dense_ns=dense_ns,
    )


@dataclass(frozen=True, slots=True)
class ShadowSnapshot:
    """
    A shadow at one moment.

    Attributes:
        rows: Computed by both networks since start.
        dropped: Offered, and not computed.
        waiting: Offered, and neither yet.
        window_rows: Rows behind the agreement.
        agreement: Share of these given the same class by both; None before the first.
        speedup: Processor seconds of the twin over those of the FFF, for the same batches of the
            window; None before the first.
        difference_counts: As in `Compared`, since start, like `difference_sum`.
    """

    rows: int
    dropped: int
    waiting: int
    window_rows: int
    agreement: float | None
    speedup: float | None
    difference_counts: list[int]
    difference_sum: float


class _Entry(NamedTuple):
    rows: int
    same: int
    dense_ns: int
    fff_ns: int


class ShadowStats:
    """
    Counts one shadow.

    Args:
        window_rows: Most rows of the window; it holds whole batches, the latest always.
    """

    def __init__(self, window_rows: int):
        self.offered = self.refused = 0
        self._computed = self._lost = 0
        self._window_rows = window_rows
        self._window: deque[_Entry] = deque()
        self._sum = _Entry(0, 0, 0, 0)  # whole numbers, so that subtracting is exact
        self._twin: object = None
        self._difference_counts = [0] * (len(DIFFERENCE_BUCKETS) + 1)
        self._difference_sum = 0.0

    @property
    def waiting(self) -> int:
        """Rows offered that are neither computed nor dropped yet."""
        return self.offered - self.refused - self._computed - self._lost

    def lose(self, rows: int) -> None:
        """Count rows that waited in vain."""
        self._lost += rows

    def record(self, twin: object, offered: int, found: Compared, fff_ns: int | None) -> None:
        """
        Count a batch.

        Args:
            twin: Which network answered; another than before begins a new window.
            offered: Rows that were waiting; those without an answer of the twin are dropped.
            found: What the twin made of it.
            fff_ns: Processor time of the thread that computed the FFF's logits; None if that
                was spent on other rows too.
        """
        times = (0, 0) if fff_ns is None else (found.dense_ns, fff_ns)
        if twin != self._twin:
            self._twin = twin
            self._window.clear()
            self._sum = _Entry(0, 0, 0, 0)
        self._computed += found.rows
        self._lost += offered - found.rows
        self._slide(_Entry(found.rows, found.same, *times))
        pairs = zip(self._difference_counts, found.difference_counts, strict=True)
        self._difference_counts = [a + b for a, b in pairs]
        self._difference_sum += found.difference_sum

    def _slide(self, entry: _Entry) -> None:
        self._window.append(entry)
        rows, same, dense_ns, fff_ns = map(sum, zip(self._sum, entry, strict=True))
        while rows > self._window_rows and len(self._window) > 1:
            left = self._window.popleft()
            rows, same = rows - left.rows, same - left.same
            dense_ns, fff_ns = dense_ns - left.dense_ns, fff_ns - left.fff_ns
        self._sum = _Entry(rows, same, dense_ns, fff_ns)

    def snapshot(self) -> ShadowSnapshot:
        """Copy the counts, all of the same moment."""
        window = self._sum
        return ShadowSnapshot(
            rows=self._computed,
            dropped=self.refused + self._lost,
            waiting=self.waiting,
            window_rows=window.rows,
            agreement=window.same / window.rows if window.rows else None,
            speedup=window.dense_ns / window.fff_ns if window.fff_ns else None,
            difference_counts=self._difference_counts,
            difference_sum=self._difference_sum,
        )
