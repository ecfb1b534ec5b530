"""Clients of one connection: one that posts for as long as a leg lasts, one that asks for times."""

import time
from collections.abc import Generator
from dataclasses import dataclass
from statistics import median

from bench.http.bodies import Body
from loadtest.harness.connection import Connection
from loadtest.harness.errors import LoadTestError

TIMES = 100


@dataclass(frozen=True, slots=True)
class Posts:
    """What the client saw; `p50_ms` is None if nothing was answered."""

    per_s: float
    p50_ms: float | None
    errors: int


class Poster:
    """
    Posts one body again and again over one connection.

    Args:
        url: Scheme, host, port and path.
        body: Posted with its headers.
    """

    def __init__(self, url: str, body: Body):
        self._url, self._body = url, body
        self._durations_s: list[float] = []
        self._errors = 0

    def steps(self) -> Generator[None]:
        """Post once a step."""
        started_s = time.perf_counter()
        try:
            with Connection(self._url) as connection:
                while True:
                    self._post(connection)
                    yield
        except LoadTestError:
            self._errors += 1  # and no more posts: the figures of a broken client say nothing
        finally:
            self._all_s = time.perf_counter() - started_s

    def posts(self) -> Posts:
        """Count, once the steps have ended."""
        p50_ms = 1000 * median(self._durations_s) if self._durations_s else None
        return Posts(len(self._durations_s) / self._all_s, p50_ms, self._errors)

    def _post(self, connection: Connection) -> None:
        started_s = time.perf_counter()
        if connection.post(self._body.content, self._body.headers).status == 200:
            self._durations_s.append(time.perf_counter() - started_s)
        else:
            self._errors += 1


def post(url: str, body: Body) -> None:
    """
    Post once.

    Raises:
        LoadTestError: If it is not answered, or with another status than 200.
    """
    with Connection(url) as connection:
        status = connection.post(body.content, body.headers).status
    if status != 200:
        raise LoadTestError(f"{url} answers {status}")


def compute_ms(url: str, body: Body) -> float:
    """
    Milliseconds for which the service computes a request that comes alone.

    Returns:
        The median of `TIMES` answers' Server-Timing, in which leaf counting has no part.

    Raises:
        LoadTestError: If it is not answered, or the answer does not say.
    """
    with Connection(url) as connection:
        return median(connection.post(body.content, body.headers).compute_ms for _ in range(TIMES))
