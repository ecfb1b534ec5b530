"""Shadow series for Prometheus, read from `ShadowStats` when it asks."""

from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from service.shadow_stats import DIFFERENCE_BUCKETS, ShadowSnapshot, ShadowStats

Labels = tuple[str, str, str]
Taken = list[tuple[Labels, ShadowSnapshot]]


class ShadowCollector(Collector):
    """Exposes every shadow's counts at scrape time."""

    LABELS = ("model", "version", "baseline")

    def __init__(self) -> None:
        self._stats: dict[Labels, ShadowStats] = {}

    def add(self, labels: Labels, stats: ShadowStats) -> None:
        """Start to expose a shadow; one of the same labels before it ends."""
        self._stats[labels] = stats

    def remove(self, labels: Labels, stats: ShadowStats) -> None:
        """End a shadow's series, unless another one goes on with them."""
        if self._stats.get(labels) is stats:
            del self._stats[labels]

    def collect(self) -> Iterator[Metric]:
        """Take one snapshot a shadow and make all of its series from it."""
        taken = [(labels, stats.snapshot()) for labels, stats in list(self._stats.items())]
        yield self._counter(
            "fff_shadow_rows", "Live rows computed by the dense twin too.", taken, lambda s: s.rows
        )
        yield self._counter(
            "fff_shadow_dropped_rows",
            "Rows sampled for the dense twin that it did not compute.",
            taken,
            lambda s: s.dropped,
        )
        yield self._gauge(
            "fff_shadow_agreement_ratio",
            "Share of the window's rows given the same class by the dense twin.",
            taken,
            lambda s: s.agreement,
        )
        yield self._gauge(
            "fff_shadow_speedup_ratio",
            "Processor seconds of the dense twin over the FFF's, for the window's batches.",
            taken,
            lambda s: s.speedup,
        )
        yield self._differences(taken)

    def _counter(
        self, name: str, text: str, taken: Taken, value: Callable[[ShadowSnapshot], int]
    ) -> Metric:
        family = CounterMetricFamily(name, text, labels=self.LABELS)
        for labels, snapshot in taken:
            family.add_metric(labels, value(snapshot))
        return family

    def _gauge(
        self, name: str, text: str, taken: Taken, value: Callable[[ShadowSnapshot], float | None]
    ) -> Metric:
        family = GaugeMetricFamily(name, text, labels=self.LABELS)
        for labels, snapshot in taken:
            number = value(snapshot)
            if number is not None:  # nothing compared yet: absent, not 0
                family.add_metric(labels, number)
        return family

    def _differences(self, taken: Taken) -> Metric:
        family = HistogramMetricFamily(
            "fff_shadow_output_difference",
            "A row's largest absolute difference of a logit from the dense twin's.",
            labels=self.LABELS,
        )
        bounds = [*map(str, DIFFERENCE_BUCKETS), "+Inf"]
        for labels, snapshot in taken:
            running = list(accumulate(snapshot.difference_counts))
            buckets = list(zip(bounds, running, strict=True))
            family.add_metric(labels, buckets, snapshot.difference_sum)
        return family
