"""
How requests end: counted by model and status, each once.

Covered:      predictions, timed, with the reason of a rejection; comparisons and explanations.
Not covered:  when a request has ended (`service.engine.prediction`).
"""

from service.errors import ModelNotServed, ServiceError, status_of
from service.metrics.registry import Metrics, ModelMetrics


class PredictionOutcomes:
    """
    Counts predictions; a request for a model that is not served counts in a series of its own.

    Args:
        metrics: Holds that series.
    """

    def __init__(self, metrics: Metrics):
        self._metrics = metrics

    def record(
        self,
        model: ModelMetrics | None,
        error: ServiceError | None,
        duration_s: float,
        request_id: bytes,
        trace_id: int,
    ) -> None:
        """
        Count one prediction.

        Args:
            model: The series of its model; None if it was not found.
            error: None if it was answered.
            duration_s: From its headers to its answer.
            request_id: For the exemplar.
            trace_id: For the exemplar; 0 for none.
        """
        if model is None:
            if isinstance(error, ModelNotServed):
                self._metrics.not_found()
            return
        if error is not None and error.rejection is not None:
            model.rejected(error.rejection)
        model.answered(status_of(error).http, duration_s, request_id, trace_id)


class InspectionOutcomes:
    """
    Counts calls of one endpoint.

    Args:
        endpoint: One of `ENDPOINTS`.
        metrics: Holds the series of calls whose model was not found.
    """

    def __init__(self, endpoint: str, metrics: Metrics):
        self._endpoint, self._unknown = endpoint, metrics.inspections.unknown

    def record(
        self,
        model: ModelMetrics | None,
        error: ServiceError | None,
        duration_s: float,
        request_id: bytes,
        trace_id: int,
    ) -> None:
        """Count one call, by its status; nothing is promised of how long it takes."""
        series = self._unknown if model is None else model.inspections
        series[self._endpoint, status_of(error).http].inc()
