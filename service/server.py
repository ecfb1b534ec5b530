"""
The process: uvicorn around the application, from the first log line to the exit code.

On SIGTERM or SIGINT new requests are refused, those accepted are answered, and then the
sockets close: nothing accepted is lost. The same if the device is lost, for good; the process has
to be started again then.
"""

import gc
import logging
import signal
import socket
from typing import NamedTuple

import uvicorn
from fastapi import FastAPI

from service import logs
from service.app import create_app
from service.engine.engine import Engine
from service.http.file_limit import most_connections, raise_file_limit
from service.http.listening import ListeningServer
from service.http.operations_port import OperationsPort
from service.http.probe_protocol import ServiceProtocol
from service.http.sockets import CannotListen, listen_tcp, listen_unix
from service.http.tls import server_context
from service.malloc import keep_freed_memory
from service.settings import Settings

log = logging.getLogger(__name__)

FAILURE_GRACE_S = 5
"""For a client that is still sending or reading when the service cannot go on; a signal waits."""


class DrainingServer(ListeningServer):
    """Uvicorn that lets the engine finish before it closes connections."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse new requests at once; uvicorn then waits for the answers under way."""
        app = self.config.app
        assert isinstance(app, FastAPI)
        engine: Engine = app.state.engine
        engine.drain()
        await super().shutdown(sockets)


class _Ports(NamedTuple):
    """Sockets that listen; none for operations where no port of theirs is set."""

    service: list[socket.socket]
    operations: list[socket.socket]


def _listen(settings: Settings) -> _Ports:
    """Listen before models are loaded, so that an address in use is told at once."""
    host, ops_port = settings.host, settings.ops_port
    service = [listen_unix(settings.uds)] if settings.uds else listen_tcp(host, settings.port)
    return _Ports(service, [] if ops_port is None else listen_tcp(host, ops_port))


def serve(settings: Settings) -> Exception | None:
    """
    Serve until a signal stops it, or it cannot go on.

    Returns:
        None after a clean stop; or why the service could not start; or `DeviceLost`.

    Raises:
        SettingsError: A setting that does not fit this machine or a file it names.
    """
    logs.set_up(settings)
    tls, most = (
        server_context(settings),
        most_connections(settings.max_connections, raise_file_limit()),
    )
    try:
        ports = _listen(settings)
    except CannotListen as exc:
        return exc
    if not keep_freed_memory():
        log.info("the C library is not glibc: large requests cost some page faults more")
    failures: list[Exception] = []

    def on_failure(failure: Exception) -> None:
        failures.append(failure)
        config.timeout_graceful_shutdown = FAILURE_GRACE_S
        server.should_exit = True

    def on_ready() -> None:
        # Half a million objects of torch and FastAPI live as long as the process. Walking them
        # stops every request for about 0.1 s, several times a minute under load: p99 at 64
        # connections 110 ms with them in the collector's sight, 18 ms without (2 cores,
        # 2026-11-24, docs/decisions/0006-in-the-loop.md).
        gc.collect()
        gc.freeze()

    app = create_app(settings, on_ready, on_failure)
    config = uvicorn.Config(
        app,
        ssl_context_factory=None if tls is None else lambda *_: tls,
        loop="uvloop",
        http=ServiceProtocol,
        proxy_headers=False,  # nothing here looks at the client's address
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,  # s; longer than the 60 s of common proxies, so they close first
    )
    metrics = app.state.engine.metrics.connections
    operations = OperationsPort(app, ports.operations, metrics) if ports.operations else None
    server = DrainingServer(config, ports.service, most, metrics, operations)
    # Uvicorn raises the signal again once it has stopped; without this the exit code would be
    # the signal's and not 0.
    for caught in (signal.SIGTERM, signal.SIGINT):
        signal.signal(caught, signal.SIG_IGN)
    server.run()
    return failures[0] if failures else None
