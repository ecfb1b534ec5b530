"""What others see of an attack: a client that connects anew each time, and the process's memory."""

import http.client
import json
import time
from collections.abc import Generator
from dataclasses import dataclass, field

import psutil

TIMEOUT_S = 10.0
MEGABYTE = 2**20


@dataclass(slots=True)
class Client:
    """
    A well-behaved client: each step is one request on a connection of its own.

    Args:
        host: Of the service, like `port`.
        requests: Method, path and body of what it asks in turn.

    Attributes:
        durations_s: Of the requests answered with 200, connecting included.
        failed: Of the others, why, by count.
    """

    host: str
    port: int
    requests: list[tuple[str, str, bytes]]
    durations_s: list[float] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)

    def steps(self) -> Generator[None]:
        """Ask once a step."""
        while True:
            for method, path, body in self.requests:
                self._ask(method, path, body)
                yield

    def _ask(self, method: str, path: str, body: bytes) -> None:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        started_s = time.perf_counter()
        try:
            connection.request(method, path, body, {"Connection": "close"})
            answer = connection.getresponse()
            answer.read()
            reason = "" if answer.status == 200 else str(answer.status)
        except (OSError, http.client.HTTPException) as exc:
            reason = type(exc).__name__
        finally:
            connection.close()
        if reason:
            self.failed[reason] = self.failed.get(reason, 0) + 1
        else:
            self.durations_s.append(time.perf_counter() - started_s)


@dataclass(slots=True)
class Memory:
    """
    The resident memory of a process.

    Attributes:
        peak_mb: The most that a step has seen, in MiB.
    """

    pid: int
    peak_mb: float = 0.0

    @property
    def now_mb(self) -> float:
        return psutil.Process(self.pid).memory_info().rss / MEGABYTE

    def steps(self) -> Generator[None]:
        """Look once a step."""
        while True:
            self.peak_mb = max(self.peak_mb, self.now_mb)
            yield

    def settled_mb(self, idle_mb: float, limit_s: float) -> float:
        """Wait until it is within 10 % of what it was when idle, or the time has passed."""
        deadline_s = time.monotonic() + limit_s
        while (now_mb := self.now_mb) > 1.1 * idle_mb and time.monotonic() < deadline_s:
            time.sleep(0.5)
        return now_mb


def one_row(width: int) -> bytes:
    """Write a body of one row of zeros."""
    return json.dumps({"inputs": [[0.0] * width]}).encode()
