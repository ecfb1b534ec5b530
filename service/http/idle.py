"""
Since when a connection has been idle: silent since it was opened, or between two requests.

Covered:      uvicorn's protocol and what is built on it.
Not covered:  which connections are closed for it, and when (`connection_limit`).
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

CLOSE_S = 1.0
"""For the other side's part in the end of a TLS connection."""


class IdleTimes(HttpToolsProtocol):
    """HTTP/1.1 by httptools, on connections that know since when they are idle."""

    opened_s = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember when, in the loop's clock."""
        self.opened_s = self.loop.time()
        super().connection_made(transport)

    @property
    def silent(self) -> bool:
        """Whether not a byte has come so far."""
        return self.headers is None

    @property
    def idle_since_s(self) -> float | None:
        """When the connection became idle, in the loop's clock; None while it is not."""
        if self.silent:
            return self.opened_s
        keep_alive = self.timeout_keep_alive_task
        if keep_alive is None or not (self.cycle is None or self.cycle.response_complete):
            return None
        if self.transport.get_write_buffer_size():  # its last answer is still being read
            return None
        return keep_alive.when() - self.timeout_keep_alive

    def close_idle(self) -> None:
        """Close the connection, which is idle."""
        self.transport.close()
        self.loop.call_later(CLOSE_S, self.transport.abort)
