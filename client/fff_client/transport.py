"""
How the steps of a call are done: by blocking, or by awaiting, on httpx's connection pools.

Its transports are used without `httpx.Client` around them: cookies, redirects and proxies from
the environment are none of the service's business, and cost a third of a one-row call.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

import httpx

from fff_client.calls import Ask, Pause, Steps
from fff_client.errors import DeadlinePassed, NotReachable, Reply, ServiceError

HEADERS = {"accept-encoding": "identity", "user-agent": "fff-serve-client"}
LEAST_WAIT_S = 1e-3  # to a socket, 0 means not to wait at all, and less is an error

T = TypeVar("T")


class Requests:
    """
    Writes requests to one service.

    Args:
        url: Of the service.
        headers: Sent along with the usual ones.

    Raises:
        ValueError: If the URL is none of HTTP.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None):
        self.url = url.rstrip("/")
        where = httpx.URL(self.url)
        if where.scheme not in ("http", "https") or not where.host:
            raise ValueError(f"url must be like http://host:port, got {url!r}")
        self.secure = where.scheme == "https"
        self._headers = [*(HEADERS | dict(headers or {})).items()]
        self._urls: dict[str, httpx.URL] = {}  # by path: parsing one takes 15 us

    def write(self, ask: Ask, wait_s: float | None) -> httpx.Request:
        """Write one; `wait_s` bounds each of its waits."""
        method, path, content, headers = ask.question
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

    def late(self) -> ServiceError:
        return DeadlinePassed(f"{self.url} did not answer in the time for the call")

    def broken(self, exc: httpx.TransportError, answering: bool) -> ServiceError:
        if isinstance(exc, httpx.TimeoutException):
            return self.late()
        return NotReachable(f"{self.url}: {exc or type(exc).__name__}", answering)


class Blocking:
    """
    Does steps in the caller's thread, of which there may be many.

    A deadline bounds every wait for the service: it is passed by at most one of them, by a
    service that sends its answer in drops.

    Args:
        requests: Where to.
        connections: Most at a time.
        transport: Makes a transport instead of httpx's own.
        clock: Seconds.
        sleep: Waits.
    """

    def __init__(
        self,
        requests: Requests,
        connections: int,
        transport: Callable[[], httpx.BaseTransport] | None,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ):
        own = partial(httpx.HTTPTransport, verify=_trust(requests), limits=_limits(connections))
        self._requests = requests
        self._transport = (transport or own)()
        self._clock = clock
        self._sleep = sleep

    def run(self, steps: Steps[T]) -> T:
        """Do a whole call."""
        outcome: Reply | ServiceError | None = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                result: T = done.value
                return result
            outcome = None
            if isinstance(step, Pause):
                self._sleep(step.seconds)
            else:
                outcome = self._ask(step)

    def _ask(self, ask: Ask) -> Reply | ServiceError:
        wait_s = max(ask.until_s - self._clock(), LEAST_WAIT_S)
        answering = False
        try:
            response = self._transport.handle_request(self._requests.write(ask, wait_s))
            answering = True
            parts = []
            try:
                assert isinstance(response.stream, httpx.SyncByteStream)
                for part in response.stream:
                    parts.append(part)
                    if self._clock() > ask.until_s:
                        return self._requests.late()
            finally:
                response.close()
        except httpx.TransportError as exc:
            return self._requests.broken(exc, answering)
        return Reply(response.status_code, response.headers, b"".join(parts))

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


class Awaiting:
    """
    Does steps in an event loop of asyncio, any number of calls at a time.

    Deadlines are kept as by `Blocking`. Every connection has a transport of its own, thrown away
    when its call is cancelled: a pool of httpcore 1.0.9 loses a connection for good when one of
    its calls is cancelled at the wrong moment (encode/httpcore issue 1093).

    Args:
        requests: Where to.
        connections: Most at a time.
        transport: Makes one connection's transport instead of httpx's own.
        clock: Seconds.
        sleep: Waits.
    """

    def __init__(
        self,
        requests: Requests,
        connections: int,
        transport: Callable[[], httpx.AsyncBaseTransport] | None,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ):
        trust = _trust(requests)
        self._requests = requests
        self._open = transport or partial(httpx.AsyncHTTPTransport, verify=trust, limits=_limits(1))
        self._idle: list[httpx.AsyncBaseTransport] = []
        self._free = asyncio.Semaphore(connections)
        self._clock = clock
        self._sleep = sleep

    async def run(self, steps: Steps[T]) -> T:
        """Do a whole call."""
        outcome: Reply | ServiceError | None = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                result: T = done.value
                return result
            outcome = None
            if isinstance(step, Pause):
                await self._sleep(step.seconds)
            else:
                outcome = await self._ask(step)

    async def _ask(self, ask: Ask) -> Reply | ServiceError:
        try:
            async with asyncio.timeout(ask.until_s - self._clock()):
                await self._free.acquire()
        except TimeoutError:
            return self._requests.late()
        transport = self._idle.pop() if self._idle else self._open()
        try:
            outcome = await self._exchange(transport, ask)
        except BaseException:
            await transport.aclose()
            raise
        else:
            self._idle.append(transport)
            return outcome
        finally:
            self._free.release()

    async def _exchange(
        self, transport: httpx.AsyncBaseTransport, ask: Ask
    ) -> Reply | ServiceError:
        wait_s = max(ask.until_s - self._clock(), LEAST_WAIT_S)
        answering = False
        try:
            request = self._requests.write(ask, wait_s)
            response = await transport.handle_async_request(request)
            answering = True
            parts = []
            try:
                assert isinstance(response.stream, httpx.AsyncByteStream)
                async for part in response.stream:
                    parts.append(part)
                    if self._clock() > ask.until_s:
                        return self._requests.late()
            finally:
                await response.aclose()
        except httpx.TransportError as exc:
            return self._requests.broken(exc, answering)
        return Reply(response.status_code, response.headers, b"".join(parts))

    async def close(self) -> None:
        """Close the connections."""
        while self._idle:
            await self._idle.pop().aclose()


def _trust(requests: Requests) -> ssl.SSLContext:
    """Read the certificate authorities, which takes 50 ms, only where they are asked."""
    return httpx.create_ssl_context(verify=requests.secure)


def _limits(connections: int) -> httpx.Limits:
    return httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
