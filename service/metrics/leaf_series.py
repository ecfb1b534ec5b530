"""
Leaf series for Prometheus, read from `LeafStats` when it asks.

So a batch pays for counting and not for exposition, and all series of a layer are of one
moment.
"""

from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from service.metrics.leaf_stats import MARGIN_BUCKETS, LeafSnapshot, LeafStats
from service.metrics.series import SnapshotSeries

GAUGES: tuple[tuple[str, str, Callable[[LeafSnapshot], float | None]], ...] = (
    ("fff_leaves", "Leaves of the layer.", lambda s: s.leaves),
    ("fff_leaves_dead", "Leaves no row of the window reached.", lambda s: len(s.dead)),
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


class LeafCollector(Collector):
    """
    Exposes every routed layer's `LeafStats` at scrape time.

    Args:
        series_limit: Most leaves a layer may have to get a series a leaf.
    """

    LABELS = ("model", "version", "layer")

    def __init__(self, series_limit: int):
        self._series_limit = series_limit
        self._models: dict[tuple[str, ...], tuple[Sequence[LeafStats], Callable[[], int]]] = {}

    def add(
        self,
        labels: tuple[str, ...],
        layers: Sequence[LeafStats],
        rechecked_rows: Callable[[], int],
    ) -> None:
        """Start to expose a model's layers, and how many rows its screen left in doubt."""
        if layers:
            self._models[labels] = layers, rechecked_rows

    def remove(self, *labels: str) -> None:
        """End a model's series, if it has any."""
        self._models.pop(labels, None)

    def collect(self) -> Iterator[Metric]:
        """Take one snapshot a layer and make all of its series from it."""
        models = list(self._models.items())
        taken = [
            ((*labels, str(layer)), stats.snapshot())
            for labels, (layers, _) in models
            for layer, stats in enumerate(layers)
        ]
        per_leaf = [
            ((*labels, str(leaf)), rows)
            for labels, snapshot in taken
            if snapshot.leaves <= self._series_limit
            for leaf, rows in enumerate(snapshot.total.tolist())
        ]
        yield SnapshotSeries((*self.LABELS, "leaf"), per_leaf).counter(
            "fff_leaf_rows", "Rows a leaf computed.", int
        )
        series = SnapshotSeries(self.LABELS, taken)
        for name, text, value in GAUGES:
            yield series.gauge(name, text, value)
        yield series.histogram(
            "fff_routing_margin",
            "Smallest distance of a row to a boundary on its path, in input units.",
            MARGIN_BUCKETS,
            lambda s: (s.margin_counts.tolist(), s.margin_sum),
        )
        rechecked = [(labels, rows()) for labels, (_, rows) in models]
        yield SnapshotSeries(self.LABELS[:2], rechecked).counter(
            "fff_routing_rechecked_rows",
            "Rows too near a boundary for float32, routed again in the canonical order.",
            int,
        )
