"""
What can go wrong with a call, as its caller sees it.

ServiceError
├── RequestRefused   400, 404, 413 and the like: sending it again changes nothing
├── Overloaded       429, and no time or retries left to wait
├── Unavailable      503: starting up or draining, and no time or retries left
├── DeadlinePassed   504, or the call's own time ended first
├── NotReachable     no connection, or it closed before the response was complete
└── ServiceFailed    500, or a response that is not the service's

Messages are the service's own where it sent one.
"""

import json

from fff_client.messages import Response


class ServiceError(Exception):
    """
    Base of everything a call raises, save for arguments that cannot be sent.

    Attributes:
        status: The HTTP status, or None if no response came.
        retry_after_s: Seconds after which the service expects a retry to succeed, or None if it
            named no time.
        request_id: The service's name for the request, which its log lines have too; None if it
            sent none.
        worth_retrying: Whether the client itself tries again while there is time.
    """

    worth_retrying = False

    def __init__(
        self,
        message: str,
        status: int | None = None,
        retry_after_s: float | None = None,
        request_id: str | None = None,
    ):
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s
        self.request_id = request_id

    def __repr__(self) -> str:
        known = {"status": self.status, "request_id": self.request_id}
        more = "".join(f", {k}={v!r}" for k, v in known.items() if v is not None)
        return f"{type(self).__name__}({str(self)!r}{more})"


class RequestRefused(ServiceError):
    """The request is at fault; the message gives what was expected and what came."""


class Overloaded(ServiceError):
    """The queue is full."""

    worth_retrying = True


class Unavailable(ServiceError):
    """The service is starting up, or draining before its stop."""

    worth_retrying = True


class DeadlinePassed(ServiceError):
    """The time given to the call ended before its response came."""


class NotReachable(ServiceError):
    """
    Nothing responds at the URL, or the connection closed too early.

    Args:
        message: For the caller.
        answering: Whether the response had begun; then the request is not sent again.
    """

    def __init__(self, message: str, answering: bool = False):
        super().__init__(message)
        self.worth_retrying = not answering


class ServiceFailed(ServiceError):
    """The service is at fault; its log says more."""


_BY_STATUS: dict[int, type[ServiceError]] = {
    429: Overloaded,
    503: Unavailable,
    504: DeadlinePassed,
}


def error_of(response: Response) -> ServiceError:
    """Turn a response other than 200 into the error that its call raises."""
    kind = _BY_STATUS.get(response.status)
    if kind is None:
        kind = RequestRefused if 400 <= response.status < 500 else ServiceFailed
    request_id = response.headers.get("x-request-id")
    return kind(_message(response), response.status, _retry_after_s(response), request_id)


def _message(response: Response) -> str:
    try:
        return str(json.loads(response.body)["error"])
    except (ValueError, KeyError, TypeError):  # not the service but something before it
        shown = response.body[:200].decode("utf-8", "replace")
        return f"HTTP {response.status}: {shown}" if shown else f"HTTP {response.status}"


def _retry_after_s(response: Response) -> float | None:
    """Read the form in seconds; the service never sends the other one, a date."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None
