"""The series of one scrape, all made from snapshots taken when it began."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, TypeVar

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from service.metrics.pacing import paced

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class SnapshotSeries(Generic[S]):
    """
    Makes families of the same snapshots.

    Args:
        labels: Label names, in their order.
        snapshots: Each with the values of those labels.
    """

    labels: Sequence[str]
    snapshots: Sequence[tuple[Sequence[str], S]]

    def counter(self, name: str, text: str, value: Callable[[S], int]) -> Metric:
        """Expose a count that only rises."""
        family = CounterMetricFamily(name, text, labels=self.labels)
        for labels, snapshot in paced(self.snapshots):
            family.add_metric(labels, value(snapshot))
        return family

    def gauge(self, name: str, text: str, value: Callable[[S], float | None]) -> Metric:
        """Expose a number; where it is None, as before the first row, it is absent and not 0."""
        family = GaugeMetricFamily(name, text, labels=self.labels)
        for labels, snapshot in paced(self.snapshots):
            number = value(snapshot)
            if number is not None:
                family.add_metric(labels, number)
        return family

    def histogram(
        self,
        name: str,
        text: str,
        bounds: Sequence[float],
        value: Callable[[S], tuple[Iterable[int], float]],
    ) -> Metric:
        """Expose counts by bucket, one more for beyond the last bound, and the values' sum."""
        family = HistogramMetricFamily(name, text, labels=self.labels)
        names = [*map(str, bounds), "+Inf"]
        for labels, snapshot in paced(self.snapshots):
            counts, total = value(snapshot)
            family.add_metric(labels, list(zip(names, accumulate(counts), strict=True)), total)
        return family
