"""
`fff_inspections_total`: comparisons and explanations, apart from the predictions.

They take as long as they are large, a comparison up to a second; counted among the requests they
would use up the latency objective of the predictions (`ops/prometheus/rules/recording.yml`). The
rows they have computed are rows like any others.

Covered:      the series, by model, endpoint and status.
Not covered:  who counts a call (`outcomes`); how long it took: nobody promises anything of that.
"""

from collections.abc import Callable
from itertools import product

from prometheus_client import CollectorRegistry, Counter

from service.errors import STATUS

ENDPOINTS = ("compare", "explain")
CODES = sorted({200, *(status.http for status in STATUS.values())} - {401, 403, 504})
"""No key is asked for, and no deadline taken."""

Series = dict[tuple[str, int], Counter]
"""By endpoint and status."""


class InspectionCounts:
    """
    The series of one service.

    Args:
        registry: Exposes them.
        labels: Names of a model's labels, in their order.
        unknown: Values of those labels while no model is found.

    Attributes:
        unknown: The series of calls whose model was not found.
    """

    def __init__(
        self, registry: CollectorRegistry, labels: tuple[str, ...], unknown: tuple[str, ...]
    ):
        text = "Comparisons and explanations answered, by status; not among fff_requests."
        names = (*labels, "endpoint", "code")
        self.family = Counter("fff_inspections", text, names, registry=registry)
        self.unknown = self.of_model(self.family.labels, unknown)

    @staticmethod
    def of_model(series: Callable[..., Counter], labels: tuple[str, ...]) -> Series:
        """Make a model's series, all of them, at 0."""
        return {
            (endpoint, code): series(*labels, endpoint, str(code))
            for endpoint, code in product(ENDPOINTS, CODES)
        }
