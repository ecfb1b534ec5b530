"""
How requests end: counted by model and status, each once.

Covered:      predictions, timed, with the reason of a rejection; comparisons and explanations.
Not covered:  when a request has ended (`service.engine.prediction`).
"""

from typing import Protocol

from service.errors import ModelNotServed, ServiceError, status_of
from service.metrics.model_metrics import ModelMetrics
from service.metrics.registry import Metrics


class Outcome(Protocol):
    """
    A request that has ended.

    Attributes:
        metrics: The series of its model; None if that was not found.
        error: None if it was answered.
        duration_s: From its headers to its answer.
        request_id: The exemplar of its duration.
        trace_id: The exemplar instead, unless it is 0.
    """

    metrics: ModelMetrics | None
    error: ServiceError | None
    duration_s: float
    request_id: bytes
    trace_id: int


class Outcomes(Protocol):
    """Counts how requests of one kind end."""

    def record(self, outcome: Outcome) -> None:
        """Count one request."""
        ...


class PredictionOutcomes:
    """
    Counts predictions.

    Args:
        metrics: Holds the series of requests for models that are not served.
    """

    def __init__(self, metrics: Metrics):
        self._metrics = metrics

    def record(self, outcome: Outcome) -> None:
        """Count one prediction."""
        model, error = outcome.metrics, outcome.error
        if model is None:
            if isinstance(error, ModelNotServed):
                self._metrics.not_found()
            return
        if error is not None and error.rejection is not None:
            model.rejected(error.rejection)
        status = status_of(error).http
        model.answered(status, outcome.duration_s, outcome.request_id, outcome.trace_id)


class InspectionOutcomes:
    """
    Counts calls of one endpoint.

    Args:
        endpoint: One of `service.metrics.inspections.ENDPOINTS`.
        metrics: Holds the series of calls whose model was not found.
    """

    def __init__(self, endpoint: str, metrics: Metrics):
        self._endpoint, self._unknown = endpoint, metrics.inspections.unknown

    def record(self, outcome: Outcome) -> None:
        """Count one call, by its status; nothing is promised of how long it takes."""
        model = outcome.metrics
        series = self._unknown if model is None else model.inspections
        series[self._endpoint, status_of(outcome.error).http].inc()
