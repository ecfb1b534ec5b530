"""A client of one connection that posts one body after the other."""

import http.client
import threading
import time
from dataclasses import dataclass
from statistics import median
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from bench.http.bodies import Body
from loadtest.harness.errors import LoadTestError

TIMEOUT_S = 30
TIMES = 100


@dataclass(frozen=True, slots=True)
class Posts:
    """What the client saw; `p50_ms` is None if nothing was answered."""

    per_s: float
    p50_ms: float | None
    errors: int


class Poster:
    """
    Posts as long as its block runs; the last answer is waited for.

    Args:
        url: Where to.
        body: What, again and again.
    """

    def __init__(self, url: str, body: Body):
        self._place, self._body = urlsplit(url), body
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._post_all, name="poster")
        self._took_s: list[float] = []
        self._errors = 0

    def posts(self) -> Posts:
        """Count, once the block is left."""
        p50_ms = 1000 * median(self._took_s) if self._took_s else None
        return Posts(len(self._took_s) / self._all_s, p50_ms, self._errors)

    def __enter__(self) -> Self:
        self._begun_s = time.perf_counter()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._all_s = time.perf_counter() - self._begun_s

    def _post_all(self) -> None:
        connection = http.client.HTTPConnection(self._place.netloc, timeout=TIMEOUT_S)
        try:
            while not self._stop.is_set():
                begun_s = time.perf_counter()
                connection.request("POST", self._place.path, self._body.content, self._body.headers)
                response = connection.getresponse()
                response.read()
                if response.status == 200:
                    self._took_s.append(time.perf_counter() - begun_s)
                else:
                    self._errors += 1
        except (OSError, http.client.HTTPException):
            self._errors += 1  # and no more posts: the figures of a broken client say nothing
        finally:
            connection.close()


def post(url: str, body: Body) -> None:
    """
    Post once.

    Raises:
        LoadTestError: If it is not answered, or with another status than 200.
    """
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.netloc, timeout=TIMEOUT_S)
    try:
        connection.request("POST", place.path, body.content, body.headers)
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise LoadTestError(f"{url} answers {response.status}")
    except (OSError, http.client.HTTPException) as exc:
        raise LoadTestError(f"{url} does not answer: {exc!r}") from None
    finally:
        connection.close()


def compute_ms(url: str, body: Body) -> float:
    """
    Ask how long the service computes a request that comes alone.

    Returns:
        The median of `TIMES` answers' Server-Timing, in which leaf counting has no part.

    Raises:
        LoadTestError: If it does not say.
    """
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.netloc, timeout=TIMEOUT_S)
    said_ms = []
    try:
        for _ in range(TIMES):
            connection.request("POST", place.path, body.content, body.headers)
            response = connection.getresponse()
            response.read()
            timing = response.headers.get("Server-Timing", "")
            said_ms.append(float(timing.partition("compute;dur=")[2]))
    except (OSError, http.client.HTTPException, ValueError) as exc:
        raise LoadTestError(f"{url} does not say how long it computes: {exc!r}") from None
    finally:
        connection.close()
    return median(said_ms)
