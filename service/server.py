"""
The process: uvicorn around the application, from the first log line to the exit code.

Not covered:  the stop (`service.listening.draining`), signals before `serve`
              (`service.cli.early_stop`).
"""

import gc
import logging
import socket
from typing import NamedTuple

import uvicorn

from fff.malloc import keep_freed_memory
from service import logs
from service.app import Application, create_app
from service.listening.draining import DrainingServer
from service.listening.file_limit import most_connections, raise_file_limit
from service.listening.operations_port import OperationsPort
from service.listening.probe_protocol import ServiceProtocol
from service.listening.sockets import CannotListen, listen_tcp, listen_unix, url_of
from service.listening.tls import server_context
from service.settings import Settings

log = logging.getLogger(__name__)


class _Ports(NamedTuple):
    """Sockets that listen; none for operations where no port of theirs is set."""

    service: list[socket.socket]
    operations: list[socket.socket]


def _listen(settings: Settings) -> _Ports:
    """Listen before models are loaded, so that an address in use is told at once."""
    host, ops_port = settings.host, settings.ops_port
    service = [listen_unix(settings.uds)] if settings.uds else listen_tcp(host, settings.port)
    return _Ports(service, [] if ops_port is None else listen_tcp(host, ops_port))


def _more_addresses(app: Application, ports: _Ports) -> list[str]:
    """Where else it is reached: by gRPC, by probes."""
    grpc_server = app.state.grpc_server
    grpc = [] if grpc_server is None else [f"gRPC on {grpc_server.address}"]
    return grpc + [f"probes and metrics on {url_of(each)}" for each in ports.operations]


def serve(settings: Settings) -> Exception | None:
    """
    Serve until a signal stops it, or it cannot go on.

    Its threads may live on: one may hang in a batch or on a disk.

    Returns:
        None after a stop; or why the service could not start; or `DeviceLost`.

    Raises:
        SettingsError: A setting that does not fit this machine or a file it names.
    """
    logs.set_up(settings)
    tls = server_context(settings)
    most = most_connections(settings, raise_file_limit())
    try:
        ports = _listen(settings)
    except CannotListen as exc:
        return exc
    if not keep_freed_memory():
        log.info("the C library is not glibc: large requests cost some page faults more")
    failures: list[Exception] = []

    def on_failure(failure: Exception) -> None:
        failures.append(failure)
        server.fail()

    def on_ready() -> None:
        # Half a million objects of torch and FastAPI live as long as the process. Walking them
        # stops every request for about 0.1 s, several times a minute under load: p99 at 64
        # connections 110 ms with them in the collector's sight, 18 ms without (2 cores,
        # 2026-11-24, docs/decisions/0006-in-the-loop.md).
        gc.collect()
        gc.freeze()
        models = ", ".join(engine.models) or "the store holds no models"
        log.info("ready on %s: %s", ", ".join([*server.urls, *_more_addresses(app, ports)]), models)

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
    engine = app.state.engine
    operations = None
    if ports.operations:
        operations = OperationsPort(
            app, ports.operations, engine.metrics.connections, app.closed_connections
        )
    server = DrainingServer(config, ports.service, most, engine, operations)
    server.run()
    return failures[0] if failures else None
