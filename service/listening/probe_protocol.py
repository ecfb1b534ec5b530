"""
The protocol of the main port, and that of connections beyond the limit, which are for probes.

Whoever looks after the service asks for `/readyz` or `/metrics` and goes. Anything else is told
503 there, and the connection is closed after the first answer.

Covered:      what may be asked, how long it may take.
Not covered:  which connections are meant (`connection_limit`).
"""

import asyncio
from asyncio.events import TimerHandle
from collections.abc import Mapping
from typing import Any

from prometheus_client import Counter

from service.connection.refusals import Refusal
from service.http.fast_path import FastPathProtocol
from service.listening.idle import IdleTimes

PROBES = (b"/healthz", b"/readyz", b"/metrics", b"/v2/health/live", b"/v2/health/ready")
LIFETIME_S = 5.0
"""Of a connection for probes: half of what Prometheus waits for a scrape."""
RETRY_AFTER_S = 1  # a guess: clients come and go
REFUSAL = "as many clients are connected as max_connections allows; this one was not accepted"


class ServiceProtocol(IdleTimes, FastPathProtocol):
    """What the main port speaks."""


class ProbeProtocol(ServiceProtocol):
    """
    What it speaks on a connection for probes: one answer.

    Args:
        refusals: Counts requests that are no probes.
        of_uvicorn: Arguments of its protocol.
    """

    _lifetime: TimerHandle

    def __init__(self, refusals: Counter, **of_uvicorn: Any):
        super().__init__(**of_uvicorn)
        self._refusals = refusals

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Set the end."""
        super().connection_made(transport)
        self._lifetime = self.loop.call_later(LIFETIME_S, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the end."""
        self._lifetime.cancel()
        super().connection_lost(exc)

    def begin_request(self, fields: Mapping[bytes, bytes], length: int | None) -> None:
        """
        Let a probe pass.

        Raises:
            Refusal: It is no probe.
        """
        path = self.url.partition(b"?")[0]
        if self.parser.get_method() not in (b"GET", b"HEAD") or path not in PROBES:
            self._refusals.inc()
            raise Refusal(503, None, REFUSAL, RETRY_AFTER_S)
        super().begin_request(fields, length)
        assert self.cycle is not None
        self.cycle.keep_alive = False
