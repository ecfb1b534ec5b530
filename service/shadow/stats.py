"""
The counts of one FFF's shadow: agreement, output difference and speed-up against its twin.

Covered:      comparing two networks' outputs row by row; counts since start, shares and times over
              a sliding window of batches.
Not covered:  what agreement is (`fff.agreement`), where the twin's outputs come from (`process`),
              how the counts are exposed (`series`).

A row's difference here is the largest of its outputs'. Its mean is called `mean_difference` where
`/v1/models` reports it, a name that `/v1/compare` has for the mean over all outputs
(`fff.comparison`).

Every row offered is computed, dropped or still waiting; no fourth thing happens to it. All of it
happens on the event loop; a scrape, which reads in a thread, may see a batch half counted.
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fff.agreement import AgreementRule, Outputs, absolute_difference

DIFFERENCE_BUCKETS = tuple(2.0**k for k in range(-10, 11))
"""
Differences of outputs, geometric: of logits, from what nobody would notice to a thousand; of values
in their unit, whatever that is.
"""


class BatchComparison(NamedTuple):
    """
    A batch as both networks computed it.

    Attributes:
        rows: Rows whose outputs by the twin are finite; the others are not compared.
        agreeing: Of these, the rows on which both networks agree.
        largest_difference_counts: Rows by bucket of `DIFFERENCE_BUCKETS`, and one more beyond the
            last, of their largest absolute difference of an output.
        largest_difference_sum: Sum over the rows of the same difference.
        dense_ns: Processor time of the thread that computed the twin's outputs, in nanoseconds.
    """

    rows: int
    agreeing: int
    largest_difference_counts: list[int]
    largest_difference_sum: float
    dense_ns: int


def compare_batch(
    fff_outputs: Outputs, dense_outputs: Outputs, dense_ns: int, rule: AgreementRule
) -> BatchComparison:
    """Compare the FFF's outputs with its twin's, `[n, o]` float32 each, row by row."""
    finite = np.isfinite(dense_outputs).all(axis=1)
    fff, dense = fff_outputs[finite], dense_outputs[finite]
    largest = absolute_difference(fff, dense).max(axis=1)  # [n]
    bucket = np.searchsorted(DIFFERENCE_BUCKETS, largest)  # le is inclusive: side="left"
    return BatchComparison(
        rows=len(fff),
        agreeing=int(rule.agree(fff, dense).sum()),
        largest_difference_counts=np.bincount(
            bucket, minlength=len(DIFFERENCE_BUCKETS) + 1
        ).tolist(),
        largest_difference_sum=float(largest.sum()),
        dense_ns=dense_ns,
    )


@dataclass(frozen=True, slots=True)
class ShadowSnapshot:
    """
    A shadow's counts at one moment.

    Attributes:
        rows: Rows computed by both networks since start.
        dropped: Rows offered, and not computed.
        waiting: Rows offered, and neither computed nor dropped yet.
        window_rows: Rows behind the agreement.
        agreement: Share of these on which both agree; None before the first.
        speedup: Processor seconds of the twin over those of the FFF, for the same batches of the
            window; None before the first, and where the FFF does not compute on a CPU.
        largest_difference_counts: As in `BatchComparison`, since start.
        largest_difference_sum: As in `BatchComparison`, since start.
    """

    rows: int
    dropped: int
    waiting: int
    window_rows: int
    agreement: float | None
    speedup: float | None
    largest_difference_counts: list[int]
    largest_difference_sum: float

    @property
    def mean_largest_difference(self) -> float | None:
        """Mean over the rows of their largest absolute difference of an output; None before any."""
        return self.largest_difference_sum / self.rows if self.rows else None


class _Entry(NamedTuple):
    rows: int
    agreeing: int
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
        self._computed = self._failed = 0
        self._window_rows = window_rows
        self._window: deque[_Entry] = deque()
        self._sum = _Entry(0, 0, 0, 0)  # integers, so that subtracting is exact
        self._twin: object = None
        self._difference_counts = [0] * (len(DIFFERENCE_BUCKETS) + 1)
        self._difference_sum = 0.0

    @property
    def waiting(self) -> int:
        """Rows offered that are neither computed nor dropped yet."""
        return self.offered - self.refused - self._computed - self._failed

    def drop(self, rows: int) -> None:
        """Count rows that waited and were not computed."""
        self._failed += rows

    def record(
        self, twin: object, offered: int, comparison: BatchComparison, fff_ns: int | None
    ) -> None:
        """
        Count a batch.

        Args:
            twin: The twin that computed it; another than before begins a new window.
            offered: Rows that were waiting; those that were not compared count as dropped.
            comparison: Of the FFF's outputs with the twin's.
            fff_ns: Processor time of the thread that computed the FFF's outputs, in nanoseconds;
                None if that was spent on other rows too, or was a GPU's.
        """
        times = (0, 0) if fff_ns is None else (comparison.dense_ns, fff_ns)
        if twin != self._twin:
            self._twin = twin
            self._window.clear()
            self._sum = _Entry(0, 0, 0, 0)
        self._computed += comparison.rows
        self._failed += offered - comparison.rows
        self._slide(_Entry(comparison.rows, comparison.agreeing, *times))
        pairs = zip(self._difference_counts, comparison.largest_difference_counts, strict=True)
        self._difference_counts = [total + count for total, count in pairs]
        self._difference_sum += comparison.largest_difference_sum

    def _slide(self, entry: _Entry) -> None:
        self._window.append(entry)
        rows, agreeing, dense_ns, fff_ns = map(sum, zip(self._sum, entry, strict=True))
        while rows > self._window_rows and len(self._window) > 1:
            oldest = self._window.popleft()
            rows, agreeing = rows - oldest.rows, agreeing - oldest.agreeing
            dense_ns, fff_ns = dense_ns - oldest.dense_ns, fff_ns - oldest.fff_ns
        self._sum = _Entry(rows, agreeing, dense_ns, fff_ns)

    def snapshot(self) -> ShadowSnapshot:
        """Copy the counts, all of the same moment."""
        window = self._sum
        return ShadowSnapshot(
            rows=self._computed,
            dropped=self.refused + self._failed,
            waiting=self.waiting,
            window_rows=window.rows,
            agreement=window.agreeing / window.rows if window.rows else None,
            speedup=window.dense_ns / window.fff_ns if window.fff_ns else None,
            largest_difference_counts=self._difference_counts,
            largest_difference_sum=self._difference_sum,
        )
