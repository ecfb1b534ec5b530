"""
`fff_inspections_total`: comparisons and explanations, apart from the predictions.

They take as long as they are large, a comparison up to a second; counted among the requests they
would use up the latency objective of the predictions (`ops/prometheus/rules/recording.yml`). The
rows they have computed are rows like any others.

Covered:      a call's model, as soon as it is known, and its status.
Not covered:  how long it took: nobody promises anything about that.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product

from prometheus_client import CollectorRegistry, Counter

from service.errors import STATUS, ComputeFailed, ServiceError

ENDPOINTS = ("compare", "explain")
CODES = sorted({*STATUS.values(), 200} - {401, 403, 504})  # no key is asked for, no deadline taken

Series = dict[tuple[str, int], Counter]
"""By endpoint and status."""


class InspectionCounts:
    """
    The series of one service.

    Args:
        registry: Where they are registered.
        labels: Names of a model's.
        unknown: What they say until a model is found.
    """

    def __init__(
        self, registry: CollectorRegistry, labels: tuple[str, ...], unknown: tuple[str, ...]
    ):
        text = "Comparisons and explanations answered, by status; not among fff_requests."
        names = (*labels, "endpoint", "code")
        self.family = Counter("fff_inspections", text, names, registry=registry)
        self._unknown = self.of_model(self.family.labels, unknown)

    @staticmethod
    def of_model(series: Callable[..., Counter], labels: tuple[str, ...]) -> Series:
        """Make a model's series, all of them, at 0."""
        return {
            (endpoint, code): series(*labels, endpoint, str(code))
            for endpoint, code in product(ENDPOINTS, CODES)
        }

    @contextmanager
    def counting(self, endpoint: str) -> Iterator["Inspection"]:
        """Count what the block does as one call: a 200, or the status of what it raises."""
        inspection = Inspection(self._unknown)
        try:
            yield inspection
        except Exception as error:
            known = type(error) if isinstance(error, ServiceError) else ComputeFailed
            inspection.series[endpoint, STATUS[known]].inc()
            raise
        inspection.series[endpoint, 200].inc()


class Inspection:
    """
    One call.

    Attributes:
        series: Of its model, once that is known.
    """

    def __init__(self, unknown: Series):
        self.series = unknown
