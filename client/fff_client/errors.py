"""
What can go wrong with a call, as its caller sees it.

ServiceError
├── RequestRefused   400, 404, 413 and the like: asking again changes nothing
├── Overloaded       429, and no time or retries left to wait
├── Unavailable      503: starting up or draining, and no time or retries left
├── DeadlinePassed   504, or the call's own time ended first
├── NotReachable     no connection, or it closed before the answer was complete
└── ServiceFailed    500, or an answer that is not the service's

Messages are the service's own words where it said any.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple


class Reply(NamedTuple):
    """An HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ServiceError(Exception):
    """
    Base of everything a call raises, save for arguments that cannot be sent.

    Attributes:
        status: Of HTTP, or None if no answer came.
        retry_after_s: When the service said that trying again makes sense, or None.
        worth_retrying: Whether the client itself tries again while there is time.
    """

    worth_retrying = False

    def __init__(self, message: str, status: int | None = None, retry_after_s: float | None = None):
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class RequestRefused(ServiceError):
    """The request is at fault; the message says what was expected and what came."""


class Overloaded(ServiceError):
    """The queue is full."""

    worth_retrying = True


class Unavailable(ServiceError):
    """The service is starting up, or draining before its stop."""

    worth_retrying = True


class DeadlinePassed(ServiceError):
    """The time given to the call ended before its answer came."""


class NotReachable(ServiceError):
    """
    Nobody answers at the URL, or the connection closed too early.

    Args:
        message: What happened.
        answering: Whether the answer had begun; then the call is not repeated.
    """

    def __init__(self, message: str, answering: bool = False):
        super().__init__(message)
        self.worth_retrying = not answering


class ServiceFailed(ServiceError):
    """The service is at fault; its log says more."""


def refusal(reply: Reply) -> ServiceError:
    """Turn an answer other than 200 into what the caller is told."""
    kind = _KIND.get(reply.status)
    if kind is None:
        kind = RequestRefused if 400 <= reply.status < 500 else ServiceFailed
    return kind(_message(reply), reply.status, _retry_after_s(reply))


_KIND: dict[int, type[ServiceError]] = {429: Overloaded, 503: Unavailable, 504: DeadlinePassed}


def _message(reply: Reply) -> str:
    try:
        return str(json.loads(reply.body)["error"])
    except (ValueError, KeyError, TypeError):  # not the service but something before it
        shown = reply.body[:200].decode("utf-8", "replace")
        return f"HTTP {reply.status}: {shown}" if shown else f"HTTP {reply.status}"


def _retry_after_s(reply: Reply) -> float | None:
    """Read the form in seconds; the service never sends the other one, a date."""
    text = reply.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None
