"""
Probes and metrics on a port of their own, which no load on the main port blocks.

The port is served by a thread with an event loop of its own. What it serves is the main port's
application, so the answers are the same; from here it only reads: the engine's state, the table of
models, which is replaced and never changed, and the series, each of which has its lock or one
writer.

Covered:      which paths are served here; probes while the main event loop does not turn.
Not covered:  the answers (`routes_operations`); TLS: this port is plain HTTP, for machines beside
              the service.
"""

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Sequence
from email.utils import formatdate
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from service.connection.connection_state import ConnectionState
from service.errors import ServiceError, Unavailable
from service.http.responses import error_response, json_response
from service.listening.accepting import Acceptor
from service.listening.connection_limit import ConnectionLimit
from service.listening.heartbeat import Heartbeat
from service.listening.idle import IdleTimes
from service.listening.sockets import url_of
from service.metrics.closed_connections import ClosedConnections
from service.metrics.connections import ConnectionMetrics

log = logging.getLogger(__name__)

HEALTH = {"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"}
PATHS = {*HEALTH, "/metrics", "/openapi.json", "/docs", "/", "/v1/models"}
FOLDERS = ("/docs/", "/v1/models/")
"""What the documentation and the page at `/` read."""
MOST_CONNECTIONS = 32
"""Probes, scrapers and a browser; the descriptors kept from the main port are for these too."""
STOP_S = 5.0


class OperationsApp:
    """
    What of an application is served on the port.

    Args:
        app: Answers.
        closed_connections: Counts what the port's protocol closes.
        heartbeat: Of the event loop in which that application works.
    """

    def __init__(self, app: ASGIApp, closed_connections: ClosedConnections, heartbeat: Heartbeat):
        self._app, self._heartbeat = app, heartbeat
        self.closed_connections = closed_connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        try:
            served = self._serves(scope)
        except ServiceError as error:
            await error_response(error)(scope, receive, send)
            return
        if served:
            await self._app(scope, receive, send)
        else:
            text = f"no such path on this port: {scope['path']}; here are probes, metrics and /docs"
            await json_response({"error": text}, 404)(scope, receive, send)

    def _serves(self, scope: Scope) -> bool:
        path = scope["path"]
        if path in HEALTH and (stuck_s := self._heartbeat.stuck_s(time.monotonic())) is not None:
            raise Unavailable(f"the event loop has not turned for {stuck_s:.0f} s")
        reads = scope["method"] in ("GET", "HEAD")
        return path in PATHS or (reads and path.startswith(FOLDERS))


class OperationsPort:
    """
    The port's thread.

    Args:
        app: The main port's application.
        listeners: Listen, and do not block.
        metrics: Counts connections closed at this port's limit.
        closed_connections: Counts those that are closed for what their clients do.
    """

    def __init__(
        self,
        app: ASGIApp,
        listeners: Sequence[socket.socket],
        metrics: ConnectionMetrics,
        closed_connections: ClosedConnections,
    ):
        self._listeners, self._metrics = listeners, metrics
        self._heartbeat = Heartbeat()
        self._config = uvicorn.Config(
            OperationsApp(app, closed_connections, self._heartbeat),
            http=IdleTimes,
            proxy_headers=False,  # as on the main port
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,  # s, as on the main port
        )
        self._state = ConnectionState()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="operations", daemon=True)

    def start(self) -> None:
        """Serve; called in the main port's event loop, which is watched from now on."""
        self._heartbeat.start()
        self._thread.start()
        for listener in self._listeners:
            log.info("probes and metrics are also on %s", url_of(listener))

    def stop(self) -> None:
        """Close the port."""
        self._heartbeat.stop()
        self._stopping.set()
        self._thread.join(STOP_S)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._config.load()
        acceptors = [Acceptor(listener, self._limit()) for listener in self._listeners]
        while not self._stopping.is_set():
            date = formatdate(usegmt=True).encode()
            self._state.default_headers = [(b"date", date)]
            await asyncio.sleep(0.1)
        for acceptor in acceptors:
            acceptor.close()
        connections: list[Any] = [*self._state.connections]
        for connection in connections:
            connection.shutdown()

    def _limit(self) -> ConnectionLimit:
        opened: set[Any] = self._state.connections
        make = partial(IdleTimes, config=self._config, server_state=self._state, app_state={})
        return ConnectionLimit(opened, MOST_CONNECTIONS, self._metrics, make, make)
