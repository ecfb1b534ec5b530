"""
Since when a connection has been idle: silent since it was opened, or between two requests.

Covered:      connections of the service's own protocol.
Not covered:  which connections are closed for it, and when (`connection_limit`).
"""

import asyncio

from service.connection.patience import Phase
from service.connection.sequential import SequentialProtocol

CLOSE_S = 1.0
"""For the other side's part in the end of a TLS connection."""


class IdleTimes(SequentialProtocol):
    """HTTP/1.1 by httptools, on connections that know since when they are idle."""

    opened_s = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember when, in the loop's clock."""
        self.opened_s = self.loop.time()
        super().connection_made(transport)

    @property
    def silent(self) -> bool:
        """Whether not a byte has come so far."""
        return not self.received

    @property
    def idle_since_s(self) -> float | None:
        """When the connection became idle, in the loop's clock; None while it is not."""
        if self.phase() is not Phase.IDLE:
            return None
        if self.requests and not self._answered():
            return None
        return self.answered_s if self.requests else self.opened_s

    def close_idle(self) -> None:
        """Close the connection, which is idle."""
        self.transport.close()
        self.loop.call_later(CLOSE_S, self.transport.abort)

    def _answered(self) -> bool:
        """Whether the answer before has left, and is not still being read."""
        unread = self.transport.get_write_buffer_size()
        return self.cycle is not None and self.cycle.response_complete and not unread
