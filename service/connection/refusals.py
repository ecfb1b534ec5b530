"""
What a connection is refused with, before there is a request that could be answered.

Covered:      status, text and reason of each refusal.
Not covered:  errors of requests (`service.errors`), when a connection is refused (`framing`,
              `sequential`, `patience`).
"""

from service.metrics.closed_connections import Reason


class Refusal(Exception):
    """
    The client is told, and the connection closed.

    Args:
        status: HTTP's.
        reason: Label of `fff_connections_closed_total`; None where it is counted elsewhere.
        text: What was expected and what came.
        retry_after_s: When trying again makes sense, in seconds, or None.
    """

    def __init__(
        self, status: int, reason: Reason | None, text: str, retry_after_s: int | None = None
    ):
        super().__init__(text)
        self.status, self.reason, self.retry_after_s = status, reason, retry_after_s


def malformed(text: str = "expected an HTTP/1.1 request, got something else") -> Refusal:
    """Refuse what is not HTTP."""
    return Refusal(400, "malformed", text)
