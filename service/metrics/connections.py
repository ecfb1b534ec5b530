"""Connections: how many are open, and how many had to go because there were too many."""

from prometheus_client import CollectorRegistry, Counter, Gauge

SHED = ("idle", "refused", "not_a_probe")
"""
Why a connection was closed at the limit: it was the one that had been idle the longest; there was
no idle one to close for it; it was taken for a probe and asked for something else.
"""


class ConnectionMetrics:
    """
    The series of one service.

    Args:
        registry: Exposes them.

    Attributes:
        open: Connections of the main port.
        shed: Connections closed at the limit, by the reasons of `SHED`.
    """

    def __init__(self, registry: CollectorRegistry):
        self.open = Gauge(
            "fff_open_connections", "Connections of the HTTP port that are open.", registry=registry
        )
        text = "Connections closed because max_connections was reached, by reason."
        family = Counter("fff_connections_shed", text, ("reason",), registry=registry)
        self.shed = {reason: family.labels(reason) for reason in SHED}
