"""
Leaf series for Prometheus, read from `LeafStats` when it asks.

So a batch pays for counting and not for exposition, and all series of a layer are of one
moment. What only rises goes on when a model is served no longer, or again.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from service.metrics.drift import Counts
from service.metrics.leaf_stats import MARGIN_BUCKETS, LeafSnapshot, LeafStats
from service.metrics.pacing import paced
from service.metrics.series import SnapshotSeries

GAUGES: tuple[tuple[str, str, Callable[[LeafSnapshot], float | None]], ...] = (
    ("fff_leaves", "Leaves of the layer.", lambda s: s.leaves),
    ("fff_leaves_dead", "Leaves no row of the window reached.", lambda s: len(s.dead)),
    (
        "fff_leaves_dead_expected",
        "Leaves that chance alone leaves without a row in a window as large as this one.",
        lambda s: s.expected_dead,
    ),
    (
        "fff_leaves_unexpectedly_dead",
        "Leaves no row of the window reached though the reference used them, beyond chance.",
        lambda s: None if s.unexpectedly_dead is None else len(s.unexpectedly_dead),
    ),
    (
        "fff_leaf_load_entropy_ratio",
        "Entropy of the window's leaf shares over its maximum; 1 is balanced.",
        lambda s: s.entropy_ratio,
    ),
    ("fff_leaf_load_max_share", "Share of the window's busiest leaf.", lambda s: s.max_share),
    (
        "fff_routing_drift_js",
        "Jensen-Shannon distance of the window's leaf shares from the reference, 0 to 1.",
        lambda s: s.drift,
    ),
    (
        "fff_routing_drift_noise_js",
        "Drift that chance alone exceeds in one window of a thousand as large as this one.",
        lambda s: s.drift_noise,
    ),
    (
        "fff_leaf_window_rows",
        "Rows in the window behind the leaf gauges.",
        lambda s: s.window_rows,
    ),
)
"""Name, help text, and the value of a layer's snapshot."""


Labels = tuple[str, ...]
"""Of a model, or of one of its layers."""


@dataclass(frozen=True, slots=True)
class LeafTotals:
    """
    What only rises of a layer: it stays when the model is served no longer.

    Attributes:
        rows: Per leaf; empty where the leaves are too many for a series each.
        margin_counts: As in `LeafSnapshot`.
        margin_sum: As in `LeafSnapshot`.
    """

    rows: Counts
    margin_counts: Counts
    margin_sum: float

    def __add__(self, other: "LeafTotals") -> "LeafTotals":
        """Add up; the same version may have come back with more leaves than before."""
        few, many = sorted((self.rows, other.rows), key=len)
        rows = many.copy()
        rows[: len(few)] += few
        counts, total = self.margin_counts + other.margin_counts, self.margin_sum + other.margin_sum
        return LeafTotals(rows, counts, total)


@dataclass(frozen=True, slots=True, eq=False)
class LeafSeries:
    """One served model's layers."""

    labels: Labels
    layers: Sequence[LeafStats]


class LeafCollector(Collector):
    """
    Exposes every routed layer's `LeafStats` at scrape time.

    Args:
        series_limit: Most leaves a layer may have to get a series a leaf.
    """

    LABELS = ("model", "version", "layer")

    def __init__(self, series_limit: int):
        self._series_limit = series_limit
        self._served: list[LeafSeries] = []  # of the same labels, the latest last
        self._ended: dict[Labels, LeafTotals] = {}  # by layer
        self._lock = threading.Lock()  # a row is counted in one of these at any moment

    def begin(self, labels: Labels, layers: Sequence[LeafStats]) -> LeafSeries:
        """Start to expose a model's layers; only an FFF has any."""
        series = LeafSeries(labels, layers)
        with self._lock:
            self._served.append(series)
        return series

    def end(self, series: LeafSeries) -> None:
        """End a model's gauges, and keep its counters; called again, those counted since."""
        with self._lock:
            self._served = [served for served in self._served if served is not series]
            for layer, stats in enumerate(series.layers):
                key = (*series.labels, str(layer))
                _add(self._ended, key, self._totals(stats.drain()))

    def _totals(self, snapshot: LeafSnapshot) -> LeafTotals:
        shown = snapshot.leaves <= self._series_limit
        rows = snapshot.total if shown else snapshot.total[:0]
        return LeafTotals(rows, snapshot.margin_counts, snapshot.margin_sum)

    def _take(self) -> tuple[dict[Labels, LeafSnapshot], dict[Labels, LeafTotals]]:
        with self._lock:
            totals = dict(self._ended)
            taken: dict[Labels, LeafSnapshot] = {}
            for series in self._served:
                for layer, stats in enumerate(series.layers):
                    key = (*series.labels, str(layer))
                    taken[key] = stats.snapshot()
                    _add(totals, key, self._totals(taken[key]))
        return taken, totals

    def collect(self) -> Iterator[Metric]:
        """Take one snapshot a layer and make all of its series from it."""
        taken, totals = self._take()
        per_leaf = [
            ((*labels, str(leaf)), rows)
            for labels, total in paced(totals.items())
            for leaf, rows in enumerate(total.rows.tolist())
        ]
        yield SnapshotSeries((*self.LABELS, "leaf"), per_leaf).counter(
            "fff_leaf_rows", "Rows a leaf computed.", int
        )
        series = SnapshotSeries(self.LABELS, list(taken.items()))
        for name, text, value in GAUGES:
            yield series.gauge(name, text, value)
        yield SnapshotSeries(self.LABELS, list(totals.items())).histogram(
            "fff_routing_margin",
            "Smallest distance of a row to a boundary on its path, in input units.",
            MARGIN_BUCKETS,
            lambda s: (s.margin_counts.tolist(), s.margin_sum),
        )


def _add(sums: dict[Labels, LeafTotals], key: Labels, addend: LeafTotals) -> None:
    sums[key] = sums[key] + addend if key in sums else addend
