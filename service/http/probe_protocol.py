"""
The protocol of the main port, and that of connections beyond the limit, which are for probes.

Whoever looks after the service asks for `/readyz` or `/metrics` and goes. Anything else is told
503 there, and the connection is closed after the first answer.

Covered:      what may be asked, how long it may take.
Not covered:  which connections are meant (`connection_limit`).
"""

import asyncio
from asyncio.events import TimerHandle
from typing import Any

from prometheus_client import Counter
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from service.errors import Unavailable
from service.http.closing import ClosingProtocol
from service.http.idle import IdleTimes
from service.http.responses import error_reply

PROBES = (b"/healthz", b"/readyz", b"/metrics", b"/v2/health/live", b"/v2/health/ready")
LIFETIME_S = 5.0
"""Of a connection for probes: half of what Prometheus waits for a scrape."""
REFUSAL = "as many clients are connected as max_connections allows; this one was not accepted"


class ServiceProtocol(IdleTimes, ClosingProtocol):
    """What the main port speaks."""


class ProbeProtocol(ServiceProtocol):
    """
    What it speaks on a connection for probes: one answer.

    Args:
        refusals: Counts requests that are no probes.
        of_uvicorn: Arguments of its protocol.
    """

    _end: TimerHandle

    def __init__(self, refusals: Counter, **of_uvicorn: Any):
        super().__init__(**of_uvicorn)
        self._refusals, self._told = refusals, False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Set the end."""
        super().connection_made(transport)
        self._end = self.loop.call_later(LIFETIME_S, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the end."""
        self._end.cancel()
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """Let a probe pass; refuse everything else."""
        if self._told:  # another request in the same piece
            return
        path = self.url.partition(b"?")[0]  # below any prefix: a proxy may have left it there
        if self.parser.get_method() in (b"GET", b"HEAD") and path.endswith(PROBES):
            super().on_headers_complete()
            assert self.cycle is not None
            self.cycle.keep_alive = False
        else:
            self._told = True
            self._refusals.inc()
            self._refuse()

    def on_body(self, body: bytes) -> None:
        """Ignore the body of a refused request."""
        if not self._told:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Ignore the end of a refused request."""
        if not self._told:
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Ignore what follows a refused request."""
        if not self._told:
            super().data_received(data)

    def _refuse(self) -> None:
        status, headers, body = error_reply(Unavailable(REFUSAL))
        headers = [*self.server_state.default_headers, *headers, (b"connection", b"close")]
        lines = [name + b": " + value + b"\r\n" for name, value in headers]
        self.transport.write(b"".join([STATUS_LINE[status], *lines, b"\r\n", body]))
        self.transport.close()
