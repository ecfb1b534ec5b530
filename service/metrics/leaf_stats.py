"""
Which leaves work: counts since the load, and shares over a sliding window of rows.

Covered:      one routed layer; totals, window, dead leaves and how many chance leaves so, entropy,
              drift and its noise, margins.
Not covered:  how they are exposed (`service.metrics.registry`, `/v1/models/M/leaves`).

The compute thread writes once a batch, a scrape reads now and then; one lock keeps a
snapshot whole.
"""

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fff.leaf_numbers import one_by_one
from service.metrics.drift import Counts, chance_level, js_distance, silent_leaves

_LEAST_POWER = -20
MARGIN_BUCKETS = tuple(2.0**k for k in range(_LEAST_POWER, 6))
"""Distances in input units, geometric: near-ties of 1e-6 to a margin of 32."""


@dataclass(frozen=True, slots=True)
class LeafSnapshot:
    """
    A layer at one moment.

    Attributes:
        total: Rows per leaf since the model was loaded, `[leaves]`.
        window: Rows per leaf among the last `leaf_window_rows`, `[leaves]`.
        reference: Rows per leaf in reference data, `[leaves]`, or None.
        margin_counts: Rows per margin bucket, and one more for those beyond the last.
        margin_sum: Sum of all margins of rows that met a boundary.
        together: Rows that one example is: its tokens, in each tree. They are alike, so that for
            what chance alone does an example is taken for one row: it never does more.
    """

    total: Counts
    window: Counts
    reference: Counts | None
    margin_counts: Counts
    margin_sum: float
    together: int = 1

    @property
    def leaves(self) -> int:
        return len(self.total)

    @property
    def window_rows(self) -> int:
        return int(self.window.sum())

    @property
    def dead(self) -> Counts:
        """Leaves that no row of the window reached; none while the window is empty."""
        return np.flatnonzero(self.window[: self.leaves if self.window_rows else 0] == 0)

    @property
    def expected_dead(self) -> float:
        """
        How many leaves chance alone leaves without a row in a window as large; 0 while it is empty.

        Of rows that are drawn like the reference, or where there is none, evenly.
        """
        rows = self.window_rows / self.together
        if not rows:
            return 0.0
        if self.reference is None or not self.reference.any():
            return float(self.leaves * (1 - 1 / self.leaves) ** rows)
        return float(((1 - self.reference / self.reference.sum()) ** rows).sum())

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """Share of each leaf in the window; zeros while it is empty."""
        return self.window / max(self.window_rows, 1)

    @property
    def max_share(self) -> float:
        return float(self.shares.max())

    def margin_rank(self, margin: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
        """
        Share of all rows since start with a smaller margin, interpolated within a bucket.

        Args:
            margin: `[n]`, in input units, at least 0; infinite where nothing bounds a row.

        Returns:
            `[n]`: NaN where the margin is infinite; beyond the last bound, the share up to it.
            None before the first row.
        """
        rows = int(self.margin_counts.sum())
        if not rows:
            return None
        shares = self.margin_counts[:-1].cumsum() / rows
        rank = np.interp(margin, (0.0, *MARGIN_BUCKETS), (0.0, *shares))
        return np.where(np.isfinite(margin), rank, np.nan)

    @property
    def entropy_ratio(self) -> float:
        """Entropy of the shares over its maximum, `ln leaves`: 1 balanced, 0 one leaf alone."""
        if self.leaves == 1 or not self.window_rows:
            return 0.0
        p = self.shares[self.window > 0]
        return float(-(p * np.log(p)).sum() / np.log(self.leaves))

    @property
    def drift(self) -> float | None:
        """Distance of the window's shares from the reference's; None without a reference."""
        return None if self.reference is None else js_distance(self.window, self.reference)

    @property
    def drift_noise(self) -> float | None:
        """What chance alone makes of `drift` in a window as large; None without a reference."""
        if self.reference is None:
            return None
        return chance_level(self.window_rows / self.together, self.reference / self.together)

    @property
    def unexpectedly_dead(self) -> list[int] | None:
        """Dead leaves that the reference used, beyond chance; None without a reference."""
        if self.reference is None:
            return None
        return silent_leaves(self.window / self.together, self.reference / self.together)


TOGETHER = 64
"""Batches counted at once: one alone takes 15 µs, 40 with 32,768 leaves, to remember it 0.5."""


class LeafStats:
    """
    Counts one routed layer.

    Args:
        leaves: `2**d`, of a tree of depth `d`; of several trees their sum.
        window_rows: How many of the latest rows the window holds.
        reference: Rows per leaf in reference data, or None.
        trees: How many of them a row goes down.
        together: As of `LeafSnapshot`.
    """

    def __init__(
        self,
        leaves: int,
        window_rows: int,
        reference: list[int] | None,
        trees: int = 1,
        together: int = 1,
    ):
        self._leaves, self.trees, self._together = leaves, trees, together
        self._reference = None if reference is None else np.array(reference, dtype=np.int64)
        self._total = np.zeros(leaves, dtype=np.int64)
        self._window = np.zeros(leaves, dtype=np.int64)
        self._ring = np.full(window_rows, -1, dtype=np.int64)  # -1: not yet filled
        self._next = 0
        self._margin_counts = np.zeros(len(MARGIN_BUCKETS) + 1, dtype=np.int64)
        self._margin_sum = 0.0
        self._waiting: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]] = []
        self._lock = threading.Lock()

    def observe(self, leaf: npt.NDArray[np.int32], margin: npt.NDArray[np.float32]) -> None:
        """
        Count a batch.

        Args:
            leaf: As `fff.leaf_numbers.one_by_one` takes it; each token is a row.
            margin: As many; `fff.decision.NO_BOUNDARY` counts as beyond the last bucket.
        """
        with self._lock:
            self._waiting.append((leaf, margin))
            if len(self._waiting) == TOGETHER:
                self._count_waiting()

    def _count_waiting(self) -> None:
        if not self._waiting:
            return
        parts = [one_by_one(*part, self._leaves) for part in self._waiting]
        leaf = np.concatenate([leaf for leaf, _ in parts])
        margin = np.concatenate([margin for _, margin in parts])
        self._waiting.clear()
        bucket = _buckets(margin)
        bounded = margin[margin < np.finfo(np.float32).max]
        self._total += np.bincount(leaf, minlength=self._leaves)
        self._margin_counts += np.bincount(bucket, minlength=len(self._margin_counts))
        self._margin_sum += float(bounded.sum(dtype=np.float64))
        self._slide(leaf[-len(self._ring) :].astype(np.int64))

    def _slide(self, leaf: Counts) -> None:
        places = (self._next + np.arange(len(leaf))) % len(self._ring)
        left = self._ring[places]
        self._window -= np.bincount(left[left >= 0], minlength=self._leaves)
        self._window += np.bincount(leaf, minlength=self._leaves)
        self._ring[places] = leaf
        self._next = (self._next + len(leaf)) % len(self._ring)

    def snapshot(self) -> LeafSnapshot:
        """Copy the counts, all of the same moment."""
        with self._lock:
            return self._snapshot()

    def drain(self) -> LeafSnapshot:
        """Take the counts; those of rows, not of the window, begin at 0 again."""
        with self._lock:
            drained = self._snapshot()
            self._total[:] = 0
            self._margin_counts[:] = 0
            self._margin_sum = 0.0
            return drained

    def _snapshot(self) -> LeafSnapshot:
        self._count_waiting()
        return LeafSnapshot(
            self._total.copy(),
            self._window.copy(),
            self._reference,
            self._margin_counts.copy(),
            self._margin_sum,
            self._together,
        )


def _buckets(margin: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
    """
    Find each margin's bucket of `MARGIN_BUCKETS`, one more beyond the last.

    Bounds are powers of two and inclusive, so the exponent of the next smaller float32 tells:
    3 ns a row, where searching takes 25.
    """
    exponent = ((margin.view(np.int32) - 1) >> 23) - 127
    bucket: npt.NDArray[np.int32] = np.clip(exponent + 1 - _LEAST_POWER, 0, len(MARGIN_BUCKETS))
    return bucket
