"""
The service's Prometheus names, labels and buckets, and the one place that observes them.

Units are seconds, bytes, rows and ratios. A model's series are bound to their labels once,
when it is loaded, and so exist at 0 before the first request: `rate()` misses the first
increment of a series that is born between two scrapes.

Leaf series are in `service.leaf_collector`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from service.batcher import CLOSE_REASONS, CloseReason
from service.histogram import HistogramFamily
from service.leaf_collector import LeafCollector
from service.leaf_stats import LeafStats

# 15 us to 10 s by steps of 1.5, as text-embeddings-inference has them: an FFF layer answers
# in tens of microseconds, where Prometheus' default buckets start at 5 ms.
LATENCY_BUCKETS_S = tuple(15e-6 * 1.5**k for k in range(34))
STATUS_CODES = (200, 400, 413, 429, 499, 500, 503, 504)
REJECTIONS = ("overloaded", "deadline", "disconnect", "too_large", "draining", "invalid")
MODEL = ("model", "version", "kind")
UNKNOWN = ("unknown", "", "")  # requests for models that are not served share one series


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


class ModelMetrics:
    """
    The series of one served model.

    Args:
        metrics: Where they are registered.
        facts: Its constants.
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
        self._requests = {
            code: metrics.requests.labels(*labels, str(code)) for code in STATUS_CODES
        }
        self._rejected = {why: metrics.rejected.labels(facts.name, why) for why in REJECTIONS}
        self._closed = {why: metrics.batch_close.labels(*labels, why) for why in CLOSE_REASONS}
        self._rows = metrics.rows.labels(*labels)
        self._request_duration = metrics.request_duration.labels(*labels)
        self._queue_duration = metrics.queue_duration.labels(*labels)
        self._compute_duration = metrics.compute_duration.labels(*labels)
        self._batch_rows = metrics.batch_rows.labels(*labels)
        metrics.model_info.labels(
            *labels, facts.sha256, facts.device, facts.backend, facts.dtype
        ).set(1)
        metrics.weight_bytes.labels(*labels).set(facts.weight_bytes)
        metrics.flops_per_row.labels(*labels).set(facts.flops_per_row)
        metrics.bytes_per_row.labels(*labels).set(facts.bytes_per_row)
        metrics.leaf_collector.add(labels[:2], layers, rechecked_rows)

    def answered(self, code: int, duration_s: float) -> None:
        """Count a request that got its answer, of whatever status."""
        self._requests[code].inc()
        self._request_duration.observe(duration_s)

    def rejected(self, reason: str) -> None:
        """Count a request that was not computed, and why."""
        self._rejected[reason].inc()

    def executed(
        self, reason: CloseReason, queued_s: Sequence[float], rows: int, compute_s: float
    ) -> None:
        """
        Count a computed batch.

        Args:
            reason: Why it left the queue.
            queued_s: How long each of its requests had waited.
            rows: Its rows.
            compute_s: How long it ran.
        """
        self._closed[reason].inc()
        self._rows.inc(rows)
        self._batch_rows.observe(rows)
        self._compute_duration.observe(compute_s)
        for waited_s in queued_s:
            self._queue_duration.observe(waited_s)


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

        self.requests = counter("fff_requests", "Requests answered, by status.", *MODEL, "code")
        self.rows = counter("fff_rows", "Rows computed.", *MODEL)
        self.rejected = counter(
            "fff_rejected", "Requests that were not computed.", "model", "reason"
        )
        self.batch_close = counter(
            "fff_batch_close", "Batches computed, by why they left the queue.", *MODEL, "reason"
        )
        self.request_duration = duration(
            "fff_request_duration_seconds", "From a request's first byte read to its answer."
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
            "sha256",
            "device",
            "backend",
            "dtype",
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
        """Count a request for a model or version that is not served."""
        self._unknown.inc()

    def watch_queue(
        self,
        model: str,
        rows: Callable[[], float],
        oldest_age_s: Callable[[], float],
        inflight: Callable[[], float],
    ) -> None:
        """Read a model's queue gauges from these functions whenever Prometheus asks."""
        self.queue_rows.labels(model).set_function(rows)
        self.queue_oldest_age.labels(model).set_function(oldest_age_s)
        self.inflight.labels(model).set_function(inflight)


def _powers_of_two(last: int) -> list[int]:
    return [2**k for k in range(last.bit_length()) if 2**k < last] + [last]
