"""
Connections accepted as many at a time as wait, and handed to the event loop.

libuv, below uvloop, accepts one connection in a turn of its loop. A turn takes as long as all the
requests that have come meanwhile: with 2,000 busy connections 0.2 s, and then a new client waits
until all before it were accepted, one a turn. So the listening sockets are ours.

Covered:      accepting, TLS handshakes, running out of descriptors.
Not covered:  binding (`sockets`), who is let in (`connection_limit`), HTTP.
"""

import asyncio
import logging
import socket
import ssl
from typing import Any

from service.listening.connection_limit import ConnectionLimit
from service.listening.eager import Begun
from service.listening.idle import IdleTimes
from service.listening.sockets import stop_listening

log = logging.getLogger(__name__)

MOST_AT_ONCE = 64
"""In a turn of the loop, so that those who are connected do not wait long for those who come."""
PAUSE_S = 0.1
"""After an error such as no free descriptor: whoever comes waits in the system's queue."""
SAY_AGAIN_S = 10.0
FIRST_BYTES = 2**16
HANDSHAKE_S = 10.0
"""For a TLS handshake: two round trips, and as long a wait for a lost packet as TCP has."""


class Acceptor:
    """
    Accepts the connections of one socket, until it is closed.

    Args:
        listener: Listens, and does not block; closed with this.
        limit: Lets connections in.
        tls: For HTTPS; None for plain HTTP.
    """

    def __init__(
        self, listener: socket.socket, limit: ConnectionLimit, tls: ssl.SSLContext | None = None
    ):
        self._listener, self._limit, self._tls = listener, limit, tls
        self._handshake_s = HANDSHAKE_S if tls else None
        self._loop = asyncio.get_running_loop()
        self._connecting: set[asyncio.Task[None]] = set()
        self._closed = False
        self._said_s = -SAY_AGAIN_S
        self._resume()

    def close(self) -> None:
        """Accept nothing more."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._listener)
            stop_listening(self._listener)

    async def wait_closed(self) -> None:
        """Return at once; uvicorn asks for it."""

    def _resume(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listener, self._accept_waiting)

    def _accept_waiting(self) -> None:
        self._limit.begin_turn()
        for _ in range(MOST_AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:  # it left before its turn
                continue
            except OSError as exc:
                self._pause(exc)
                return
            connection.setblocking(False)
            self._take(connection)

    def _take(self, connection: socket.socket) -> None:
        protocol = self._limit.admit()
        if protocol is None:
            connection.close()
            return
        # What has come is read here and not by the loop, which would find it at the end of its
        # next turn, behind all who are connected already.
        come = _received(connection) if self._tls is None else b""
        try:
            connecting = self._begin_to_connect(connection, protocol)
        except OSError as exc:
            self._failed(exc, connection, protocol)
            return
        task = self._loop.create_task(self._connect(connecting, connection, protocol))
        if self._tls is not None:
            self._limit.shakes_hands(protocol, task.cancel)
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        if come:
            self._loop.call_soon(protocol.data_received, come)

    def _begin_to_connect(self, connection: socket.socket, protocol: IdleTimes) -> Begun[Any]:
        return Begun(
            self._loop.connect_accepted_socket(
                lambda: protocol, connection, ssl=self._tls, ssl_handshake_timeout=self._handshake_s
            )
        )

    async def _connect(
        self, connecting: Begun[Any], connection: socket.socket, protocol: IdleTimes
    ) -> None:
        try:
            await connecting
        except OSError as exc:  # TLS errors and timeouts are some
            self._failed(exc, connection, protocol)
            return
        self._limit.connected(protocol)
        if self._closed:
            protocol.shutdown()  # it came too late to be told so by uvicorn

    def _failed(self, exc: OSError, connection: socket.socket, protocol: IdleTimes) -> None:
        log.debug("a connection failed: %s", exc)
        connection.close()
        self._limit.connected(protocol)

    def _pause(self, exc: OSError) -> None:
        """Wait for what was missing, most likely descriptors, and free some."""
        closed = self._limit.close_idle(MOST_AT_ONCE)
        now_s = self._loop.time()
        if now_s - self._said_s >= SAY_AGAIN_S:
            self._said_s = now_s
            log.error(
                "cannot accept connections: %s; %d are open, %d idle ones are closed for new ones",
                exc.strerror,
                self._limit.open,
                closed,
            )
        self._loop.remove_reader(self._listener)
        self._loop.call_later(PAUSE_S, self._resume)


def _received(connection: socket.socket) -> bytes:
    """What has come already; nothing where the connection has ended, which the loop will find."""
    try:
        return connection.recv(FIRST_BYTES)
    except OSError:
        return b""
