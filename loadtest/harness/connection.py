"""
One connection to a server, kept between requests: for clients that ask one thing after another.

Standard library alone, like `loadtest.harness.service_api`, whose `get` is for single pages.
"""

import http.client
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from loadtest.harness.errors import LoadTestError

TIMEOUT_S = 30


class Answer(NamedTuple):
    """What came back, with any status."""

    status: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def compute_ms(self) -> float:
        """
        Milliseconds of computing, as `Server-Timing` says.

        Raises:
            LoadTestError: If it does not.
        """
        timing = self.headers.get("Server-Timing", "")
        try:
            return float(timing.partition("compute;dur=")[2].partition(",")[0])
        except ValueError:
            raise LoadTestError(f"Server-Timing holds no compute;dur=, got {timing!r}") from None


class Connection:
    """
    Posts to one URL; closed by the end of its block.

    Args:
        url: Scheme, host, port and path.
        timeout_s: Seconds that an answer may take.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S):
        place = urlsplit(url)
        self._url, self._path = url, place.path
        self._connection = http.client.HTTPConnection(place.netloc, timeout=timeout_s)

    def post(self, content: bytes, headers: Mapping[str, str]) -> Answer:
        """
        Post and wait for the whole answer.

        Raises:
            LoadTestError: If none comes.
        """
        try:
            self._connection.request("POST", self._path, content, headers)
            response = self._connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException) as exc:
            raise LoadTestError(f"{self._url} does not answer: {exc!r}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._connection.close()
