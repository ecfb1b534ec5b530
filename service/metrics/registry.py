"""
The service's Prometheus names, help texts, labels and buckets. Units: seconds, bytes, rows, ratios.

Covered:      every family but those of leaves (`leaf_series`) and of the shadow (`service.shadow`).
Not covered:  the series of a model (`model_metrics`), which are bound to their labels once.
"""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from service.metrics.connections import ConnectionMetrics
from service.metrics.histogram import HistogramFamily
from service.metrics.inspections import InspectionCounts
from service.metrics.leaf_series import LeafCollector

# 15 us to 10 s by steps of 1.5, as text-embeddings-inference has them: an FFF layer answers
# in tens of microseconds, where Prometheus' default buckets start at 5 ms.
LATENCY_BUCKETS_S = tuple(15e-6 * 1.5**k for k in range(34))
MODEL = ("model", "version", "kind")
UNKNOWN = ("unknown", "", "")  # requests for models that are not served share one series
CHECKPOINT = ("sha256", "device", "backend", "dtype")


class Metrics:
    """
    All families of one service, in a registry of its own.

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
        self._add_requests()
        self._add_batches(max_batch_rows)
        self._add_queue()
        self._add_models()
        self._add_store()
        self._add_memory()
        self.connections = ConnectionMetrics(self.registry)

    def _add_requests(self) -> None:
        self.ready = self._gauge("fff_ready", "1 while predictions are accepted, else 0.")
        self.requests = self._counter(
            "fff_requests", "Predictions answered, by status.", *MODEL, "code"
        )
        self._unknown = self.requests.labels(*UNKNOWN, "404")
        self.inspections = InspectionCounts(self.registry, MODEL, UNKNOWN)
        self.rejected = self._counter(
            "fff_rejected", "Predictions not computed.", "model", "reason"
        )
        self.request_duration = self._duration(
            "fff_request_duration_seconds", "From a prediction's headers to its answer."
        )

    def _add_batches(self, max_batch_rows: int) -> None:
        self.rows = self._counter(
            "fff_rows", "Rows answered, of predictions and inspections; a text is one.", *MODEL
        )
        self.batch_close = self._counter(
            "fff_batch_close", "Batches computed, by why they left the queue.", *MODEL, "reason"
        )
        self.faults = self._counter(
            "fff_batch_faults",
            "Faults of ours while a batch was computed, answered or counted; the log has each.",
            *MODEL,
        )
        self.rechecked = self._counter(
            "fff_routing_rechecked_rows",
            "Rows too near a boundary for float32, routed again in the canonical order.",
            *MODEL[:2],
        )
        self.queue_duration = self._duration(
            "fff_queue_duration_seconds", "A request's wait for its batch to start."
        )
        self.compute_duration = self._duration(
            "fff_compute_duration_seconds", "A batch's computation; one observation a batch."
        )
        powers = [2**k for k in range(max_batch_rows.bit_length()) if 2**k < max_batch_rows]
        buckets = [*powers, max_batch_rows]
        text = "Rows answered together."
        self.batch_rows = HistogramFamily("fff_batch_rows", text, MODEL, buckets, self.registry)

    def _add_queue(self) -> None:
        self.queue_rows = self._gauge(
            "fff_queue_rows", "Rows waiting; a text or an image is one.", "model"
        )
        self.queue_oldest_age = self._gauge(
            "fff_queue_oldest_age_seconds", "Wait so far of the oldest waiting request.", "model"
        )
        self.inflight = self._gauge(
            "fff_inflight_requests", "Requests accepted and not yet answered.", "model"
        )

    def _add_models(self) -> None:
        self.model_info = self._gauge(
            "fff_model_info", "1 for each served model.", *MODEL, *CHECKPOINT
        )
        self.weight_bytes = self._gauge("fff_model_weight_bytes", "Stored weights.", *MODEL)
        self.flops_per_row = self._gauge(
            "fff_model_flops_per_row", "Multiplications and additions of one row.", *MODEL
        )
        self.bytes_per_row = self._gauge(
            "fff_model_bytes_per_row", "Weight bytes that one row alone reads.", *MODEL
        )

    def _add_store(self) -> None:
        self.load_failures = self._counter(
            "fff_load_failures", "Loads of a model that failed, at the start and later."
        )
        self.models_failed = self._gauge(
            "fff_models_failed", "Models that could not be loaded and are not served."
        )
        self.store_changes = self._counter(
            "fff_store_changes",
            "Times that the file of a served version was seen changed or gone.",
            "model",
            "version",
        )

    def _add_memory(self) -> None:
        self.device_memory = self._gauge(
            "fff_device_memory_reserved_bytes",
            "GPU memory taken by this process, in use or kept for reuse; 0 without a GPU.",
        )
        self.pinned_memory = self._gauge(
            "fff_pinned_memory_bytes",
            "Host memory pinned for copies to a GPU; 0 without a GPU.",
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _duration(self, name: str, text: str) -> HistogramFamily:
        return HistogramFamily(name, text, MODEL, LATENCY_BUCKETS_S, self.registry)

    def not_found(self) -> None:
        """Count a prediction for a model or version that is not served."""
        self._unknown.inc()
