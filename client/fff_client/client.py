"""
A client of the service, blocking and asynchronous: arrays in, arrays out.

    with Client() as client:
        print(client.predict("digits", images, outputs=["logits", "leaf"]).leaves)

Numbers travel as bytes, connections are kept, and refusals that say when to come back are waited
out within the deadline, which the service is told. Needs numpy and httpx, nothing of the server.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self

import httpx
import numpy.typing as npt

from fff_client.calls import Calls
from fff_client.errors import (
    DeadlinePassed,
    NotReachable,
    Overloaded,
    RequestRefused,
    ServiceError,
    ServiceFailed,
    Unavailable,
)
from fff_client.results import Comparison, Prediction, Side
from fff_client.transport import Awaiting, Blocking, Requests

__all__ = [
    "AsyncClient",
    "Client",
    "Comparison",
    "DeadlinePassed",
    "NotReachable",
    "Overloaded",
    "Prediction",
    "RequestRefused",
    "ServiceError",
    "ServiceFailed",
    "Side",
    "Unavailable",
]

HERE = "http://127.0.0.1:8000"


class Client:
    """
    Calls block. One client may be used by many threads.

    Args:
        url: Of the service, with a path if something before it adds one. Proxies named in the
            environment are not used.
        timeout_s: For a whole call: all its requests, retries and pauses.
        retries: How often a request is repeated at most, after 429 or 503, or when the
            connection failed before an answer began. Never after any other answer.
        max_rows: Most rows in one request, at most the service's `max_batch_rows`; more are
            sent in several, one after the other, and joined.
        binary: False sends and asks for JSON, which is slower and gives the same bits.
        headers: Sent along, for whatever stands before the service.
        connections: Most at a time; further calls wait for one.
        transport: Makes a transport of httpx, for certificates of your own or a proxy.
        clock: Seconds. This, `sleep` and `jitter`, which draws from 0 to 1, are for tests.
    """

    def __init__(
        self,
        url: str = HERE,
        *,
        timeout_s: float = 30.0,
        retries: int = 5,
        max_rows: int = 1024,
        binary: bool = True,
        headers: Mapping[str, str] | None = None,
        connections: int = 32,
        transport: Callable[[], httpx.BaseTransport] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ):
        self._calls = Calls(timeout_s, retries, max_rows, binary, clock, jitter)
        requests = Requests(url, headers)
        self._http = Blocking(requests, connections, transport, clock, sleep)

    def predict(
        self,
        model: str,
        x: npt.ArrayLike,
        *,
        outputs: Sequence[str] = ("logits",),
        version: int | None = None,
        timeout_s: float | None = None,
    ) -> Prediction:
        """
        Compute rows.

        Args:
            model: Its name.
            x: `[r, i]`, or one row, `[i]`. float32 and float16 are sent as they are, float64
                as float32, and uint8 as pixels, which the model scales.
            outputs: Any of `logits`, `probabilities`, `class`, `leaf`, `margin`.
            version: Of the model, or None for what is served.
            timeout_s: Instead of the client's.

        Raises:
            TypeError, ValueError: If `x` cannot be sent.
            ServiceError: One of its kinds; see `fff_client.errors`.
        """
        return self._http.run(self._calls.predict(model, x, outputs, version, timeout_s))

    def compare(
        self,
        model: str,
        x: npt.ArrayLike,
        labels: npt.ArrayLike | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Comparison:
        """
        Compute rows on an FFF and on its dense twin; raises as `predict` does.

        With labels, the true class of each row, `[r]`, how often each is right too.
        """
        return self._http.run(self._calls.compare(model, x, labels, timeout_s))

    def explain(
        self, model: str, x: npt.ArrayLike, *, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """Serve rows and show the path of each, as `/docs` describes; raises as `predict` does."""
        return self._http.run(self._calls.explain(model, x, timeout_s))

    def models(self) -> list[dict[str, Any]]:
        """Describe what is served, on which backend and why."""
        return self._http.run(self._calls.models())

    def model(self, name: str) -> dict[str, Any]:
        """Describe one model, its manifest included."""
        return self._http.run(self._calls.model(name))

    def leaves(self, name: str) -> dict[str, Any]:
        """Show how the model's leaves are used."""
        return self._http.run(self._calls.leaves(name))

    def ready(self) -> bool:
        """Whether the service would compute now."""
        return self._http.run(self._calls.ready())

    def wait_until_ready(self, timeout_s: float = 60.0) -> None:
        """
        Wait for a service that starts.

        Raises:
            ServiceError: What stood in the way until then.
        """
        self._http.run(self._calls.wait_until_ready(timeout_s))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncClient:
    """
    `Client` with calls to be awaited, any number at a time in one event loop of asyncio.

    Args and methods are those of `Client`.
    """

    def __init__(
        self,
        url: str = HERE,
        *,
        timeout_s: float = 30.0,
        retries: int = 5,
        max_rows: int = 1024,
        binary: bool = True,
        headers: Mapping[str, str] | None = None,
        connections: int = 32,
        transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ):
        self._calls = Calls(timeout_s, retries, max_rows, binary, clock, jitter)
        requests = Requests(url, headers)
        self._http = Awaiting(requests, connections, transport, clock, sleep)

    async def predict(
        self,
        model: str,
        x: npt.ArrayLike,
        *,
        outputs: Sequence[str] = ("logits",),
        version: int | None = None,
        timeout_s: float | None = None,
    ) -> Prediction:
        return await self._http.run(self._calls.predict(model, x, outputs, version, timeout_s))

    async def compare(
        self,
        model: str,
        x: npt.ArrayLike,
        labels: npt.ArrayLike | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Comparison:
        return await self._http.run(self._calls.compare(model, x, labels, timeout_s))

    async def explain(
        self, model: str, x: npt.ArrayLike, *, timeout_s: float | None = None
    ) -> dict[str, Any]:
        return await self._http.run(self._calls.explain(model, x, timeout_s))

    async def models(self) -> list[dict[str, Any]]:
        return await self._http.run(self._calls.models())

    async def model(self, name: str) -> dict[str, Any]:
        return await self._http.run(self._calls.model(name))

    async def leaves(self, name: str) -> dict[str, Any]:
        return await self._http.run(self._calls.leaves(name))

    async def ready(self) -> bool:
        return await self._http.run(self._calls.ready())

    async def wait_until_ready(self, timeout_s: float = 60.0) -> None:
        await self._http.run(self._calls.wait_until_ready(timeout_s))

    async def close(self) -> None:
        await self._http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
