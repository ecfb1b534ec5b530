"""
What the service counted between two scrapes of /metrics, for one model.

Sums and counts of histograms give exact means of the time between; percentiles from their
buckets would only be as fine as the buckets, so the client's own are reported instead.
"""

from collections import defaultdict
from dataclasses import dataclass, fields
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

from loadtest.harness.errors import LoadTestError

SERIES = {
    "queued_s": "fff_queue_duration_seconds_sum",
    "queued_requests": "fff_queue_duration_seconds_count",
    "computed_s": "fff_compute_duration_seconds_sum",
    "computed_batches": "fff_compute_duration_seconds_count",
    "batch_rows": "fff_batch_rows_sum",
    "batches": "fff_batch_rows_count",
}


@dataclass(frozen=True, slots=True)
class ServerCounts:
    """Totals of one model, over its versions; a difference of two scrapes is one too."""

    queued_s: float
    queued_requests: float
    computed_s: float
    computed_batches: float
    batch_rows: float
    batches: float

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __sub__(self, earlier: Self) -> Self:
        return type(self)(*(getattr(self, f.name) - getattr(earlier, f.name) for f in fields(self)))

    @property
    def queue_ms(self) -> float | None:
        """Mean wait of a request for its batch."""
        return _mean(1000 * self.queued_s, self.queued_requests)

    @property
    def compute_ms(self) -> float | None:
        """Mean computation of a batch."""
        return _mean(1000 * self.computed_s, self.computed_batches)

    @property
    def rows_per_batch(self) -> float | None:
        return _mean(self.batch_rows, self.batches)


def read_counts(exposition: str, model: str) -> ServerCounts:
    """
    Read a model's totals from the text of /metrics.

    Raises:
        LoadTestError: If a series is not there; the service has them all from its start.
    """
    totals: dict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if sample.labels.get("model") == model:
                totals[sample.name] += sample.value
    missing = [name for name in SERIES.values() if name not in totals]
    if missing:
        raise LoadTestError(f"/metrics has no {missing[0]} for model {model!r}")
    return ServerCounts(**{field: totals[name] for field, name in SERIES.items()})


def _mean(total: float, count: float) -> float | None:
    return total / count if count else None
