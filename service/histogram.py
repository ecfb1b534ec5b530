"""
Histograms whose observation costs 0.17 microseconds, exposed through prometheus-client.

A request is observed three times; prometheus-client's own `observe` walks its buckets and takes
two locks, 1.1 µs each (Xeon, 2026-11-24), a twelfth of what the whole request may cost.

A series is observed by one thread at a time: its model's worker, or the event loop.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry


class HistogramSeries:
    """
    The histogram of one set of labels.

    Args:
        bounds: Upper bounds of the buckets, inclusive, rising.
    """

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]):
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)  # the last is beyond every bound
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value


class HistogramFamily(Collector):
    """
    All series of one name.

    Args:
        name: Of the metric.
        text: Its help.
        labels: Their names.
        bounds: Upper bounds of the buckets.
        registry: Where it is exposed.
    """

    def __init__(
        self,
        name: str,
        text: str,
        labels: Sequence[str],
        bounds: Sequence[float],
        registry: CollectorRegistry,
    ):
        self._name, self._text, self._labels = name, text, labels
        self._bounds = tuple(float(bound) for bound in bounds)
        self._names = [*map(str, self._bounds), "+Inf"]
        self._series: dict[tuple[str, ...], HistogramSeries] = {}
        registry.register(self)

    def labels(self, *values: str) -> HistogramSeries:
        """Find or begin the series of these labels."""
        return self._series.setdefault(values, HistogramSeries(self._bounds))

    def remove(self, *values: str) -> None:
        """End the series of these labels."""
        self._series.pop(values, None)

    def collect(self) -> Iterator[Metric]:
        """Take every series as it is now."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        for values, series in list(self._series.items()):
            running = list(accumulate(series.counts))
            family.add_metric(values, list(zip(self._names, running, strict=True)), series.total)
        yield family
