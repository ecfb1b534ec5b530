"""
What does the steps of a call, by blocking or by awaiting, on httpx's connection pools.

Its transports are used without `httpx.Client` around them: cookies, redirects and proxies from
the environment are none of the service's business, and cost a third of a one-row call.

Covered:      a client's options, its connections, waiting.
Not covered:  which steps a call has (`calls`).
"""

import asyncio
import os
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Generic, NoReturn, Self, TypeVar

import httpx

from fff_client.calls import Calls
from fff_client.errors import DeadlinePassed
from fff_client.steps import Outcome, Send, Step, Steps, advance
from fff_client.transport import Endpoint, Exchange

LOCAL_URL = "http://127.0.0.1:8000"

T = TypeVar("T")
TransportT = TypeVar("TransportT", httpx.BaseTransport, httpx.AsyncBaseTransport)
SleptT = TypeVar("SleptT", None, Awaitable[None])


class Session(ABC, Generic[TransportT, SleptT]):
    """The options of both clients; `Client` describes them."""

    def __init__(
        self,
        url: str = LOCAL_URL,
        *,
        timeout_s: float = 30.0,
        retries: int = 5,
        max_rows: int = 1024,
        binary: bool = True,
        headers: Mapping[str, str] | None = None,
        connections: int = 32,
        transport: Callable[[], TransportT] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], SleptT] | None = None,
        jitter: Callable[[], float] = random.random,
    ):
        self._calls = Calls(timeout_s, retries, max_rows, binary, clock, jitter)
        self._endpoint = Endpoint(url, headers)
        self._clock = clock
        self._closed = False
        self._owner: object = None
        self._open(connections, transport, sleep)

    @abstractmethod
    def _open(
        self,
        connections: int,
        transport: Callable[[], TransportT] | None,
        sleep: Callable[[float], SleptT] | None,
    ) -> None:
        """Prepare what sends and waits; None stands for httpx's transport and a real sleep."""

    def _claim(self, owner: object, kind: str) -> None:
        """
        Use the connections: they are the first user's, and nobody's once closed.

        Raises:
            RuntimeError: If they are not `owner`'s. A process that was forked would read the
                answers of its parent, and an event loop waits for its own sockets alone.
        """
        self._check_open()
        if self._owner is None:
            self._owner = owner
        elif self._owner != owner:
            raise RuntimeError(f"{self!r} was used in another {kind}; make one in each")

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError(f"{self!r} is closed; make another")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._endpoint.url!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{self!r} holds connections and cannot be pickled; make one in each process"
        )


class SyncSession(Session[httpx.BaseTransport, None]):
    """
    Does the steps in the caller's thread, of which there may be many.

    A deadline bounds every wait for the service: it is passed by at most one of them, by a
    service that sends its response in drops.
    """

    def _open(
        self,
        connections: int,
        transport: Callable[[], httpx.BaseTransport] | None,
        sleep: Callable[[float], None] | None,
    ) -> None:
        trust, limits = self._endpoint.ssl_context(), _limits(connections)
        own = partial(httpx.HTTPTransport, verify=trust, limits=limits)
        self._transport = (transport or own)()
        self._sleep = sleep or time.sleep

    def _run(self, steps: Steps[T]) -> T:
        step = advance(steps)
        while isinstance(step, Step):
            step = advance(steps, self._do(step))
        return step.result

    def _do(self, step: Step) -> Outcome:
        if isinstance(step, Send):
            return self._send(step)
        self._sleep(step.seconds)
        return None

    def _send(self, send: Send) -> Outcome:
        self._claim(os.getpid(), "process")
        exchange = Exchange(self._endpoint, send, self._clock)
        try:
            response = exchange.begin(self._transport.handle_request(exchange.request))
            try:
                assert isinstance(response.stream, httpx.SyncByteStream)
                for piece in response.stream:
                    exchange.receive(piece)
            finally:
                response.close()
        except (httpx.TransportError, DeadlinePassed) as exc:
            return exchange.error(exc)
        return exchange.response()

    def close(self) -> None:
        """Close the connections; calls raise `RuntimeError` from here on."""
        self._closed = True
        self._transport.close()

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncSession(Session[httpx.AsyncBaseTransport, Awaitable[None]]):
    """
    Does the steps in an event loop of asyncio, any number of calls at a time.

    Deadlines are kept as by `SyncSession`. Every connection has a transport of its own, thrown
    away when its call is cancelled: a pool of httpcore 1.0.9 loses a connection for good when one
    of its calls is cancelled at the wrong moment (encode/httpcore issue 1093).
    """

    def _open(
        self,
        connections: int,
        transport: Callable[[], httpx.AsyncBaseTransport] | None,
        sleep: Callable[[float], Awaitable[None]] | None,
    ) -> None:
        trust, limits = self._endpoint.ssl_context(), _limits(1)
        own = partial(httpx.AsyncHTTPTransport, verify=trust, limits=limits)
        self._connect = transport or own
        self._idle: list[httpx.AsyncBaseTransport] = []
        self._free = asyncio.Semaphore(connections)
        self._sleep = sleep or asyncio.sleep

    async def _run(self, steps: Steps[T]) -> T:
        step = advance(steps)
        while isinstance(step, Step):
            step = advance(steps, await self._do(step))
        return step.result

    async def _do(self, step: Step) -> Outcome:
        if isinstance(step, Send):
            return await self._send(step)
        await self._sleep(step.seconds)
        return None

    async def _send(self, send: Send) -> Outcome:
        self._claim(asyncio.get_running_loop(), "event loop")
        try:
            async with asyncio.timeout(send.deadline_s - self._clock()):
                await self._free.acquire()
        except TimeoutError:
            return self._endpoint.late()
        transport = self._idle.pop() if self._idle else self._connect()
        try:
            outcome = await self._exchange(transport, send)
        except BaseException:
            await transport.aclose()
            raise
        else:
            await self._keep(transport)
            return outcome
        finally:
            self._free.release()

    async def _keep(self, transport: httpx.AsyncBaseTransport) -> None:
        if self._closed:  # meanwhile
            await transport.aclose()
        else:
            self._idle.append(transport)

    async def _exchange(self, transport: httpx.AsyncBaseTransport, send: Send) -> Outcome:
        exchange = Exchange(self._endpoint, send, self._clock)
        try:
            response = exchange.begin(await transport.handle_async_request(exchange.request))
            try:
                assert isinstance(response.stream, httpx.AsyncByteStream)
                async for piece in response.stream:
                    exchange.receive(piece)
            finally:
                await response.aclose()
        except (httpx.TransportError, DeadlinePassed) as exc:
            return exchange.error(exc)
        return exchange.response()

    async def close(self) -> None:
        """Close the connections; calls raise `RuntimeError` from here on."""
        self._closed = True
        while self._idle:
            await self._idle.pop().aclose()

    async def __aenter__(self) -> Self:
        self._check_open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _limits(connections: int) -> httpx.Limits:
    return httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
