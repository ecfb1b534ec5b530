"""
The series of one served model, bound to their labels once, when it is loaded.

So they exist at 0 before the first request: `rate()` misses the first increment of a series that is
born between two scrapes.

When the model is served no longer its gauges end. Its counters and histograms stay for the life of
the process: a sum over the versions never goes down, and the same version loaded again goes on with
them. That is 200 to 250 lines of a scrape for each version that was ever served.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypeVar

from service.metrics.label_values import CLOSE_REASONS, REJECTIONS, STATUS_CODES, CloseReason
from service.metrics.leaf_stats import LeafStats
from service.metrics.registry import Metrics
from service.metrics.statistics import ModelStatistics


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is constant about a served model, for its info and size series."""

    name: str
    version: int
    kind: str
    sha256: str
    device: str
    backend: str
    dtype: str
    weight_bytes: int
    flops_per_row: int
    bytes_per_row: int


S = TypeVar("S", covariant=True)


class _Removable(Protocol):
    """A metric whose series can end."""

    def remove(self, *labels: str) -> None: ...


class _Family(_Removable, Protocol[S]):
    """A metric whose series have labels."""

    def labels(self, *labels: str) -> S: ...


class ModelMetrics:
    """
    The series of one served model.

    Args:
        metrics: Has the families that its series belong to.
        facts: Gives the values of its labels and of its constant series.
        layers: Its routed layers' counters; none but for an FFF.
    """

    def __init__(
        self,
        metrics: Metrics,
        facts: ModelFacts,
        layers: Sequence[LeafStats],
    ):
        labels = (facts.name, str(facts.version), facts.kind)
        self.layers = layers
        self._metrics, self._model = metrics, facts.name
        self._gauges: set[tuple[_Removable, tuple[str, ...]]] = set()
        self._requests = {c: metrics.requests.labels(*labels, str(c)) for c in STATUS_CODES}
        self.inspections = metrics.inspections.of_model(metrics.inspections.family.labels, labels)
        self._rejected = {why: metrics.rejected.labels(facts.name, why) for why in REJECTIONS}
        self._closed = {why: metrics.batch_close.labels(*labels, why) for why in CLOSE_REASONS}
        self._rows = metrics.rows.labels(*labels)
        self._rechecked = metrics.rechecked.labels(*labels[:2]) if layers else None
        self._faults = metrics.faults.labels(*labels)
        self._request_duration = metrics.request_duration.labels(*labels)
        self._queue_duration = metrics.queue_duration.labels(*labels)
        self._compute_duration = metrics.compute_duration.labels(*labels)
        self._batch_rows = metrics.batch_rows.labels(*labels)
        bound = self._bound
        self.store_changes = metrics.store_changes.labels(*labels[:2])
        where = (facts.sha256, facts.device, facts.backend, facts.dtype)
        bound(metrics.model_info, *labels, *where).set(1)
        bound(metrics.weight_bytes, *labels).set(facts.weight_bytes)
        bound(metrics.flops_per_row, *labels).set(facts.flops_per_row)
        bound(metrics.bytes_per_row, *labels).set(facts.bytes_per_row)
        self._leaf_series = metrics.leaf_collector.begin(labels[:2], layers)
        self.statistics = ModelStatistics(self._request_duration, self._queue_duration)

    def _bound(self, family: _Family[S], *labels: str) -> S:
        self._gauges.add((family, labels))
        return family.labels(*labels)

    def watch_queue(
        self,
        rows: Callable[[], float],
        oldest_age_s: Callable[[], float],
        inflight: Callable[[], float],
    ) -> None:
        """Read the queue's gauges from these functions whenever Prometheus asks."""
        self._bound(self._metrics.queue_rows, self._model).set_function(rows)
        self._bound(self._metrics.queue_oldest_age, self._model).set_function(oldest_age_s)
        self._bound(self._metrics.inflight, self._model).set_function(inflight)

    def end(self, successor: "ModelMetrics | None") -> None:
        """
        End the gauges that the successor, if there is one, does not go on with.

        To be called again after every batch that came later, so that its leaves are counted too.
        """
        for family, labels in self._gauges - (successor._gauges if successor else set()):
            with suppress(KeyError):  # ended before
                family.remove(*labels)
        self._metrics.leaf_collector.end(self._leaf_series)

    def faulted(self) -> None:
        """Count a fault of ours."""
        self._faults.inc()

    def answered(self, code: int, duration_s: float, request_id: bytes, trace_id: int = 0) -> None:
        """Count a prediction that got its answer, of whatever status."""
        self._requests[code].inc()
        self._request_duration.observe_request(duration_s, request_id, trace_id)
        if code != 200:
            self.statistics.failed(duration_s)

    def rechecked(self, rows: int) -> None:
        """Count rows whose leaf the float32 screen left in doubt."""
        if rows and self._rechecked is not None:
            self._rechecked.inc(rows)

    def rejected(self, reason: str) -> None:
        """Count a prediction that was not computed, and why."""
        self._rejected[reason].inc()

    def executed(
        self, reason: CloseReason, queued_s: Sequence[float], rows: int, compute_s: float
    ) -> None:
        """
        Count a computed batch, as far as it was answered.

        Args:
            reason: Why it left the queue.
            queued_s: Of each request answered, seconds in the queue.
            rows: Of these requests.
            compute_s: Seconds of its computation.
        """
        self._closed[reason].inc()
        self._rows.inc(rows)
        self._batch_rows.observe(rows)
        self._compute_duration.observe(compute_s)
        for waited_s in queued_s:
            self._queue_duration.observe(waited_s)
        self.statistics.executed(len(queued_s), rows, compute_s)
