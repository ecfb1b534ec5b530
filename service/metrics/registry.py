"""
The service's Prometheus names, labels and buckets, and the one place that observes them.

Units are seconds, bytes, rows and ratios. A model's series are bound to their labels once,
when it is loaded, and so exist at 0 before the first request: `rate()` misses the first
increment of a series that is born between two scrapes.

Leaf series are in `leaf_series`; when a request has ended is `service.engine.prediction`'s to say.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from service.metrics.histogram import HistogramFamily
from service.metrics.inspections import InspectionCounts
from service.metrics.label_values import CLOSE_REASONS, REJECTIONS, STATUS_CODES, CloseReason
from service.metrics.leaf_series import LeafCollector
from service.metrics.leaf_stats import LeafStats
from service.metrics.statistics import ModelStatistics

# 15 us to 10 s by steps of 1.5, as text-embeddings-inference has them: an FFF layer answers
# in tens of microseconds, where Prometheus' default buckets start at 5 ms.
LATENCY_BUCKETS_S = tuple(15e-6 * 1.5**k for k in range(34))
MODEL = ("model", "version", "kind")
UNKNOWN = ("unknown", "", "")  # requests for models that are not served share one series
CHECKPOINT = ("sha256", "device", "backend", "dtype")


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
        layers: Its routed layers' counters; none for a dense network.
        rechecked_rows: Reads how many rows its screen has left in doubt so far.
    """

    def __init__(
        self,
        metrics: "Metrics",
        facts: ModelFacts,
        layers: Sequence[LeafStats],
        rechecked_rows: Callable[[], int],
    ):
        labels = (facts.name, str(facts.version), facts.kind)
        self.layers = layers
        self._metrics, self._model = metrics, facts.name
        self._series: set[tuple[_Removable, tuple[str, ...]]] = set()
        bound = self._bound
        self._requests = {c: bound(metrics.requests, *labels, str(c)) for c in STATUS_CODES}
        self.inspections = metrics.inspections.of_model(
            partial(bound, metrics.inspections.family), labels
        )
        self._rejected = {why: bound(metrics.rejected, facts.name, why) for why in REJECTIONS}
        self._closed = {why: bound(metrics.batch_close, *labels, why) for why in CLOSE_REASONS}
        self._rows = bound(metrics.rows, *labels)
        self._request_duration = bound(metrics.request_duration, *labels)
        self._queue_duration = bound(metrics.queue_duration, *labels)
        self._compute_duration = bound(metrics.compute_duration, *labels)
        self._batch_rows = bound(metrics.batch_rows, *labels)
        where = (facts.sha256, facts.device, facts.backend, facts.dtype)
        bound(metrics.model_info, *labels, *where).set(1)
        bound(metrics.weight_bytes, *labels).set(facts.weight_bytes)
        bound(metrics.flops_per_row, *labels).set(facts.flops_per_row)
        bound(metrics.bytes_per_row, *labels).set(facts.bytes_per_row)
        metrics.leaf_collector.add(labels[:2], layers, rechecked_rows)
        self._series.add((metrics.leaf_collector, labels[:2]))
        self.statistics = ModelStatistics(self._request_duration, self._queue_duration)

    def _bound(self, family: "_Family[S]", *labels: str) -> S:
        self._series.add((family, labels))
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
        """End every series that the successor, if there is one, does not go on with."""
        for family, labels in self._series - (successor._series if successor else set()):
            family.remove(*labels)

    def answered(self, code: int, duration_s: float, request_id: bytes, trace_id: int = 0) -> None:
        """Count a prediction that got its answer, of whatever status."""
        self._requests[code].inc()
        self._request_duration.observe_request(duration_s, request_id, trace_id)
        if code != 200:
            self.statistics.failed(duration_s)

    def rejected(self, reason: str) -> None:
        """Count a prediction that was not computed, and why."""
        self._rejected[reason].inc()

    def executed(
        self, reason: CloseReason, queued_s: Sequence[float], rows: int, compute_s: float
    ) -> None:
        """
        Count a computed batch.

        Args:
            reason: Why it left the queue.
            queued_s: Of each of its requests, seconds in the queue.
            rows: Of all of its requests.
            compute_s: Seconds of its computation.
        """
        self._closed[reason].inc()
        self._rows.inc(rows)
        self._batch_rows.observe(rows)
        self._compute_duration.observe(compute_s)
        for waited_s in queued_s:
            self._queue_duration.observe(waited_s)
        self.statistics.executed(len(queued_s), rows, compute_s)


class Metrics:
    """
    All series of one service, in a registry of its own.

    Args:
        max_batch_rows: The last bucket of `fff_batch_rows`.
        leaf_series_limit: Most leaves a layer may have to get a series a leaf.
    """

    def __init__(self, max_batch_rows: int, leaf_series_limit: int):
        # A creation time beside every counter would double the series; nobody reads them.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped upstream
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.leaf_collector = LeafCollector(leaf_series_limit)
        self.registry.register(self.leaf_collector)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=self.registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=self.registry)

        def duration(name: str, text: str) -> HistogramFamily:
            return HistogramFamily(name, text, MODEL, LATENCY_BUCKETS_S, self.registry)

        self.ready = gauge("fff_ready", "1 while predictions are accepted, else 0.")
        self.requests = counter("fff_requests", "Predictions answered, by status.", *MODEL, "code")
        self.inspections = InspectionCounts(self.registry, MODEL, UNKNOWN)
        self.rows = counter("fff_rows", "Rows computed, of predictions and inspections.", *MODEL)
        self.rejected = counter("fff_rejected", "Predictions not computed.", "model", "reason")
        self.batch_close = counter(
            "fff_batch_close", "Batches computed, by why they left the queue.", *MODEL, "reason"
        )
        self.request_duration = duration(
            "fff_request_duration_seconds", "From a prediction's headers to its answer."
        )
        self.queue_duration = duration(
            "fff_queue_duration_seconds", "A request's wait for its batch to start."
        )
        self.compute_duration = duration(
            "fff_compute_duration_seconds", "A batch's computation; one observation a batch."
        )
        self.batch_rows = HistogramFamily(
            "fff_batch_rows",
            "Rows computed together.",
            MODEL,
            _powers_of_two(max_batch_rows),
            self.registry,
        )
        self.queue_rows = gauge("fff_queue_rows", "Rows waiting.", "model")
        self.queue_oldest_age = gauge(
            "fff_queue_oldest_age_seconds", "Wait so far of the oldest waiting request.", "model"
        )
        self.inflight = gauge(
            "fff_inflight_requests", "Requests accepted and not yet answered.", "model"
        )
        self.model_info = gauge(
            "fff_model_info",
            "1 for each served model.",
            *MODEL,
            *CHECKPOINT,
        )
        self.weight_bytes = gauge("fff_model_weight_bytes", "Stored weights.", *MODEL)
        self.flops_per_row = gauge(
            "fff_model_flops_per_row", "Multiplications and additions of one row.", *MODEL
        )
        self.bytes_per_row = gauge(
            "fff_model_bytes_per_row", "Weight bytes that one row alone reads.", *MODEL
        )
        self._unknown = self.requests.labels(*UNKNOWN, "404")

    def not_found(self) -> None:
        """Count a prediction for a model or version that is not served."""
        self._unknown.inc()


def _powers_of_two(last: int) -> list[int]:
    return [2**k for k in range(last.bit_length()) if 2**k < last] + [last]
