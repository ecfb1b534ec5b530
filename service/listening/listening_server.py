"""
uvicorn, listening on sockets that are ours.

Covered:      from sockets that are bound to connections that are accepted, and back.
Not covered:  requests, and what happens to them at the stop (`draining`).
"""

import logging
import socket
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from service.connection.connection_state import ConnectionState
from service.listening.accepting import Acceptor
from service.listening.connection_limit import ConnectionLimit
from service.listening.operations_port import OperationsPort
from service.listening.probe_protocol import ProbeProtocol, ServiceProtocol
from service.listening.sockets import url_of
from service.metrics.connections import ConnectionMetrics

log = logging.getLogger(__name__)


class ListeningServer(uvicorn.Server):
    """
    uvicorn on sockets that listen already.

    Args:
        config: Of uvicorn.
        listeners: Of the main port.
        most_connections: At a time, on that port.
        metrics: Of its connections.
        operations: The port for probes; None where there is no other.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        listeners: Sequence[socket.socket],
        most_connections: int,
        metrics: ConnectionMetrics,
        operations: OperationsPort | None = None,
    ):
        super().__init__(config)
        self.server_state: ConnectionState = ConnectionState()
        self._listeners, self._most, self._metrics = listeners, most_connections, metrics
        self._operations = operations

    @property
    def urls(self) -> list[str]:
        """Where the main port is reached, a Unix socket included."""
        scheme = "https" if self.config.is_ssl else "http"
        return [url_of(listener, scheme) for listener in self._listeners]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, which loads models in the background, and accept connections."""
        # The sockets listen already. Said first, for a start may end before the next line.
        for url in self.urls:
            log.info("listening on %s (predictions get 503 until the models are loaded)", url)
        log.info("at most %d clients may be connected", self._most)
        if self._operations is not None:
            self._operations.start()
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)
        limit = self._limit()
        self._metrics.open.set_function(lambda: limit.open)
        tls = self.config.ssl
        self.servers = [Acceptor(listener, limit, tls) for listener in self._listeners]  # type: ignore[misc]
        self.started = True

    def close_listeners(self) -> None:
        """Accept nothing more on the main port."""
        for acceptor in self.servers:
            acceptor.close()

    def close_operations(self) -> None:
        """Close the port for probes, if there is one."""
        if self._operations is not None:
            self._operations.stop()

    def _limit(self) -> ConnectionLimit:
        arguments: dict[str, Any] = {
            "config": self.config,
            "server_state": self.server_state,
            "app_state": self.lifespan.state,
        }
        opened: set[Any] = self.server_state.connections
        usual = partial(ServiceProtocol, **arguments)
        for_probe = partial(ProbeProtocol, self._metrics.shed["not_a_probe"], **arguments)
        return ConnectionLimit(opened, self._most, self._metrics, usual, for_probe)
