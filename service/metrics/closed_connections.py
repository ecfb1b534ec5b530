"""Connections that the service closed for what their clients did, or did not do."""

from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter

Reason = Literal["malformed", "too_large", "silent", "slow_head", "slow_body", "slow_reader"]
"""
Not HTTP; a URL, head or framing beyond its bound; no request after connecting; and too slow at
sending a head, at sending a body, or at reading an answer.
"""


class ClosedConnections:
    """
    The series of one service.

    Args:
        registry: Exposes them.
    """

    def __init__(self, registry: CollectorRegistry):
        text = "HTTP connections closed for what their clients did, by reason."
        family = Counter("fff_connections_closed", text, ("reason",), registry=registry)
        self._series = {reason: family.labels(reason) for reason in get_args(Reason)}

    def count(self, reason: Reason) -> None:
        """Count one connection."""
        self._series[reason].inc()
