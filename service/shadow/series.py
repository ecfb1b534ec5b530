"""Shadow series for Prometheus, read from `ShadowStats` at each scrape."""

from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from service.metrics.series import SnapshotSeries
from service.shadow.stats import DIFFERENCE_BUCKETS, ShadowStats

Labels = tuple[str, str, str]


class ShadowCollector(Collector):
    """Exposes every shadow's counts at scrape time."""

    LABELS = ("model", "version", "baseline")

    def __init__(self) -> None:
        self._stats: dict[Labels, ShadowStats] = {}  # what only rises stays for good
        self._live: frozenset[Labels] = frozenset()  # replaced: a scrape reads it in a thread

    def begin(self, labels: Labels, window_rows: int) -> ShadowStats:
        """Expose a shadow; one that had these labels before is gone on with."""
        self._live |= {labels}
        return self._stats.setdefault(labels, ShadowStats(window_rows))

    def end(self, labels: Labels) -> None:
        """End a shadow's gauges; its counters stay."""
        self._live -= {labels}

    def collect(self) -> Iterator[Metric]:
        """Take one snapshot a shadow and make all of its series from it."""
        live = self._live
        taken = [(labels, stats.snapshot()) for labels, stats in list(self._stats.items())]
        series = SnapshotSeries(self.LABELS, taken)
        gauges = SnapshotSeries(self.LABELS, [one for one in taken if one[0] in live])
        yield series.counter(
            "fff_shadow_rows", "Live rows computed by the baseline too.", lambda s: s.rows
        )
        yield series.counter(
            "fff_shadow_dropped_rows",
            "Rows sampled for the baseline that it did not compute.",
            lambda s: s.dropped,
        )
        yield gauges.gauge(
            "fff_shadow_agreement_ratio",
            "Share of the window's rows given the same class by the baseline, or, by a regression, "
            "values that differ by at most their targets' tolerances.",
            lambda s: s.agreement,
        )
        yield gauges.gauge(
            "fff_shadow_speedup_ratio",
            "Processor seconds of the baseline over the FFF's, of the window; none on a GPU.",
            lambda s: s.speedup,
        )
        yield series.histogram(
            "fff_shadow_output_difference",
            "A row's largest absolute difference of an output from the baseline's, in its unit.",
            DIFFERENCE_BUCKETS,
            lambda s: (s.largest_difference_counts, s.largest_difference_sum),
        )
