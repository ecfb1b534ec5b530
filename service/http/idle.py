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
    """
    HTTP/1.1 by httptools, on connections that know since when they are idle.

    Attributes:
        silent: Whether not a byte of a request has come so far.
    """

    silent = True
    _since_s: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Be idle until a request begins."""
        self._since_s = self.loop.time()
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        """Be idle no longer."""
        self.silent, self._since_s = False, None
        super().on_message_begin()

    def on_response_complete(self) -> None:
        """Be idle until the next request begins."""
        self._since_s = self.loop.time()
        super().on_response_complete()

    @property
    def idle_since_s(self) -> float | None:
        """When the connection became idle, in the loop's clock; None while it is not."""
        # Another request may have begun before the former was answered.
        waits = self.cycle is None or self.cycle.response_complete
        # What is left of an answer is being read.
        return self._since_s if waits and not self.transport.get_write_buffer_size() else None

    def close_idle(self) -> None:
        """Close the connection, which is idle."""
        self.transport.close()
        self.loop.call_later(CLOSE_S, self.transport.abort)
