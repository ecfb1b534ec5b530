"""
Requests to one service in httpx's form, and the outcome of each: a response or an error.

Covered:      URLs, headers, how long a wait may take, bodies that come in pieces, httpx's errors.
Not covered:  connections (`session`), retries (`calls`).
"""

import ssl
from collections.abc import Callable, Mapping

import httpx

from fff_client.errors import DeadlinePassed, NotReachable, ServiceError
from fff_client.messages import Request, Response
from fff_client.steps import Send

HEADERS = {"accept-encoding": "identity", "user-agent": "fff-serve-client"}
LEAST_WAIT_S = 1e-3  # to a socket, 0 means not to wait at all, and less is an error


class Endpoint:
    """
    The service that requests go to.

    Args:
        url: `http://host:port` or https, with a path if something before the service adds one.
        headers: Sent with every request, beside or instead of `HEADERS`.

    Raises:
        ValueError: If the URL is not one of HTTP, or holds more than this client sends.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None):
        self.url = url.rstrip("/")
        self._secure = _parsed(self.url).scheme == "https"
        self._headers = [*(HEADERS | dict(headers or {})).items()]
        self._urls: dict[str, httpx.URL] = {}  # by path: parsing one takes 15 us

    def httpx_request(self, request: Request, wait_s: float) -> httpx.Request:
        """Convert a request; `wait_s` bounds each of its waits, in seconds."""
        method, path, content, headers = request
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = httpx.URL(self.url + path)
        waits = dict.fromkeys(("pool", "connect", "write", "read"), wait_s)
        return httpx.Request(
            method,
            url,
            headers=[*self._headers, *headers],
            content=content,
            extensions={"timeout": waits},
        )

    def ssl_context(self) -> ssl.SSLContext:
        """Load the certificate authorities, which takes 50 ms, only for https."""
        return httpx.create_ssl_context(verify=self._secure)

    def late(self) -> DeadlinePassed:
        return DeadlinePassed(f"{self.url} did not answer in the time for the call")


class Exchange:
    """
    One request and what comes back, piece by piece.

    Args:
        endpoint: The service.
        send: The request and its deadline on `clock`.
        clock: Seconds.
    """

    __slots__ = ("_clock", "_deadline_s", "_endpoint", "_pieces", "_response", "request")

    def __init__(self, endpoint: Endpoint, send: Send, clock: Callable[[], float]):
        self._endpoint = endpoint
        self._deadline_s = send.deadline_s
        self._clock = clock
        self._response: httpx.Response | None = None
        self._pieces: list[bytes] = []
        wait_s = max(send.deadline_s - clock(), LEAST_WAIT_S)
        self.request = endpoint.httpx_request(send.request, wait_s)

    def begin(self, response: httpx.Response) -> httpx.Response:
        """Note that status and headers came; from here on an error is not worth a retry."""
        self._response = response
        return response

    def receive(self, piece: bytes) -> None:
        """
        Keep a piece of the body.

        Raises:
            DeadlinePassed: If it came too late.
        """
        self._pieces.append(piece)
        if self._clock() > self._deadline_s:
            raise self._endpoint.late()

    def response(self) -> Response:
        response = self._response
        assert response is not None, "a response is read before it began. This is a bug."
        return Response(response.status_code, response.headers, b"".join(self._pieces))

    def error(self, exc: httpx.TransportError | DeadlinePassed) -> ServiceError:
        """Convert what ended the exchange before its response was complete."""
        if isinstance(exc, DeadlinePassed):
            return exc
        if isinstance(exc, httpx.TimeoutException):
            return self._endpoint.late()
        message = f"{self._endpoint.url}: {exc or type(exc).__name__}"
        return NotReachable(message, answering=self._response is not None)


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as exc:
        raise ValueError(f"url must be like http://host:port, got {url!r}: {exc}") from None
    if parsed.userinfo:  # not shown: errors are logged
        raise ValueError("url must have no user and password; pass headers={'authorization': ...}")
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.fragment:
        raise ValueError(f"url must be like http://host:port, got {url!r}")
    return parsed
