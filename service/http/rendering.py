"""
Answers too long for the event loop, rendered in a thread of their own: scrapes, and large JSON.

Not in asyncio's pool: a scrape must come when that is full of loads that a slow disk holds up.

Covered:      one thread, begun when it is first needed; sharing; requests of several event loops.
Not covered:  what is rendered. `service.metrics.pacing` lets the event loop in meanwhile.
"""

import asyncio
import threading
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from fastapi import Request, Response
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from service.http.compression import WORTHWHILE_BYTES, accepted, deflate, deflated
from service.http.responses import encoded_headers
from service.http.streamed_json import WHOLE_BYTES, PiecewiseResponse
from service.metrics.pacing import paced
from service.protocol.json_pieces import Pieces

T = TypeVar("T")
Headers = dict[str, str]


class Renderer:
    """Renders one thing after the other."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="render")
        self._waiting: dict[Hashable, Future[Any]] = {}
        self._lock = threading.Lock()

    async def render(self, make: Callable[[], T]) -> T:
        """Call a function in the thread."""
        return await asyncio.shield(asyncio.wrap_future(self._thread.submit(make)))

    async def share(self, key: Hashable, make: Callable[[], T]) -> T:
        """
        Call a function in the thread, once for all who ask before it begins.

        Args:
            key: The same for all whom one result serves.
            make: Gives it.
        """
        with self._lock:
            shared = self._waiting.get(key)
            if shared is None:
                shared = self._waiting[key] = self._thread.submit(self._begin, key, make)
        # Shielded: one who leaves would cancel it for all.
        rendered: T = await asyncio.shield(asyncio.wrap_future(shared))
        return rendered

    def _begin(self, key: Hashable, make: Callable[[], T]) -> T:
        with self._lock:
            del self._waiting[key]  # who asks from now on wants to see what is counted from now on
        return make()


async def rendered_json(
    renderer: Renderer, request: Request, make: Callable[[], Pieces]
) -> Response:
    """
    Answer with 200 and JSON that may be long, compressed where the client takes that.

    Args:
        renderer: Calls `make`, and compresses.
        request: Says what the client takes.
        make: Gives one JSON text in its order; called in a thread.
    """
    accept_encoding = request.headers.get("accept-encoding", "")

    def finished() -> tuple[Pieces, Headers]:
        pieces = make()
        size = sum(map(len, pieces))
        encoding = accepted(accept_encoding, size)
        if encoding is not None:
            return deflated(pieces, encoding), _encoded(encoding)
        return [b"".join(pieces)] if size <= WHOLE_BYTES else pieces, {}

    return PiecewiseResponse(*await renderer.render(finished))


class Scrapes:
    """
    Renders the metrics.

    Args:
        registry: Has every series.
        renderer: Renders them, once for all who ask before it begins.
    """

    def __init__(self, registry: CollectorRegistry, renderer: Renderer):
        self._registry, self._renderer = _PacedRegistry(registry), renderer

    async def scrape(self, accept: str, accept_encoding: str) -> tuple[bytes, Headers]:
        """
        Render every series.

        Args:
            accept: Decides on Prometheus' text format or OpenMetrics.
            accept_encoding: Decides on compression.

        Returns:
            The body, and its headers.
        """
        encode, content_type = choose_encoder(accept)
        encoding = accepted(accept_encoding, WORTHWHILE_BYTES)  # every scrape is longer

        def make() -> tuple[bytes, Headers]:
            body = encode(self._registry)
            headers = {"content-type": content_type}
            if encoding is None:
                return body, headers
            return deflate(body, encoding), headers | _encoded(encoding)

        return await self._renderer.share((content_type, encoding), make)


class _PacedRegistry(CollectorRegistry):
    """A registry whose samples are walked with pauses."""

    def __init__(self, registry: CollectorRegistry):
        super().__init__()
        self._of: Collector = registry

    def collect(self) -> Iterator[Metric]:
        for family in self._of.collect():
            family.samples = _PacedSamples(family.samples)
            yield family


class _PacedSamples(list):  # type: ignore[type-arg]  # of prometheus-client's samples
    def __iter__(self) -> Iterator[object]:
        return paced(super().__iter__())


def _encoded(encoding: str) -> Headers:
    return {name.decode(): value.decode() for name, value in encoded_headers(encoding)}
