"""
Histograms whose observation costs 0.17 microseconds, exposed through prometheus-client.

A request is observed three times; prometheus-client's own `observe` walks its buckets and takes
two locks, 1.1 µs each (Xeon, 2026-11-24), a twelfth of what the whole request may cost.

Each bucket remembers the latest request that fell into it: its exemplar, which OpenMetrics shows
and the classic text format has no place for.

A series is observed by the event loop alone, and read by whoever exposes it.
"""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.samples import Exemplar

from service.metrics.pacing import paced

Latest = tuple[float, bytes, int, float]
"""Of a bucket: the value, the request's id, its trace or 0, and the time."""

Bucket = tuple[str, float] | tuple[str, float, Exemplar]

EXEMPLAR_CHARACTERS = 128
"""Of its labels, names and values together: OpenMetrics 1.0, "Exemplars"."""


class HistogramSeries:
    """
    The histogram of one set of labels.

    Args:
        bounds: Upper bounds of the buckets, inclusive, rising.
    """

    __slots__ = ("_bounds", "counts", "latest", "total")

    def __init__(self, bounds: Sequence[float]):
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)  # the last is beyond every bound
        self.latest: list[Latest | None] = [None] * len(self.counts)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def observe_request(self, value: float, request_id: bytes, trace_id: int) -> None:
        """Count a value, and remember whose it was; a `trace_id` of 0 is none."""
        bucket = bisect_left(self._bounds, value)
        self.counts[bucket] += 1
        self.latest[bucket] = value, request_id, trace_id, time.time()
        self.total += value


class HistogramFamily(Collector):
    """
    All series of one name.

    Args:
        name: Of the metric, with its unit.
        text: The help line.
        labels: Label names, in their order.
        bounds: Upper bounds of the buckets, inclusive, rising, in that unit.
        registry: Exposes it.
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
        """Find or begin the series of these labels; none ever ends."""
        return self._series.setdefault(values, HistogramSeries(self._bounds))

    def collect(self) -> Iterator[Metric]:
        """Take every series as it is now."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        for values, series in paced(list(self._series.items())):
            named = zip(self._names, accumulate(series.counts), series.latest, strict=True)
            family.add_metric(values, [_bucket(*bucket) for bucket in named], series.total)
        yield family


def _bucket(name: str, count: int, latest: Latest | None) -> Bucket:
    if latest is None:
        return name, count
    value, request_id, trace_id, at_s = latest
    labels = (
        {"trace_id": f"{trace_id:032x}"} if trace_id else {"request_id": request_id.decode("ascii")}
    )
    if sum(map(len, [*labels, *labels.values()])) > EXEMPLAR_CHARACTERS:
        return name, count  # a client's id; cut short it would be another one
    return name, count, Exemplar(labels, value, at_s)
