"""
uvicorn's protocol, but answers leave in as few pieces as they can.

uvicorn writes an answer's head, then its body: two system calls and two packets. Here they are
one, where the body follows in the same turn of the event loop; a head that none follows, or none
yet, leaves at the end of the turn. And while the service is busy, the answers of one turn leave
together at its end: a client that has gone to sleep is then woken once for all of them, not once
for each.

Measured with wrk against a constant-answer application (Xeon, 2 cores, 2026-11-24): head and
body in one piece give 5 to 15 % more requests a second; one-row predictions at 64 connections
rise from 14,000 to 16,500 when answers leave together.
"""

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_CONTINUE = b"HTTP/1.1 100"  # a head that no body follows


class _Outbox:
    """What is to leave at the end of this turn of an event loop."""

    def __init__(self) -> None:
        self.busy = False  # whether more than one answer left in the last turn that had any
        self._waiting: list[_CoalescingTransport] = []
        self._wrote = False  # whether one has left in this turn

    def add(self, transport: "_CoalescingTransport") -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(transport)

    def wrote(self) -> None:
        self.busy = self._wrote
        if not self._wrote:
            self._wrote = True
            asyncio.get_running_loop().call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._wrote = False

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        self.busy = len(waiting) > 1
        for transport in waiting:
            transport.flush()


_OUTBOXES: WeakKeyDictionary[asyncio.AbstractEventLoop, _Outbox] = WeakKeyDictionary()


class _CoalescingTransport:
    """
    A transport that holds back what more is about to follow.

    Attributes:
        written: Bytes that were given to the transport.
    """

    def __init__(self, transport: asyncio.Transport):
        self._transport = transport
        self.is_closing = transport.is_closing  # asked several times a request
        self._outbox = _OUTBOXES.setdefault(asyncio.get_running_loop(), _Outbox())
        self.written = 0
        self._held: list[bytes] = []
        self._queued = False

    def write(self, data: bytes) -> None:
        head = not self._held and data.endswith(b"\r\n\r\n")
        if head and not data.startswith(_CONTINUE) and not self._outbox.busy:
            self._held.append(data)
            asyncio.get_running_loop().call_soon(self.flush)
        else:
            self.write_answer(data)

    def write_answer(self, data: bytes) -> None:
        """Write what nothing more is about to follow."""
        self._held.append(data)
        if not self._outbox.busy:
            self.flush()
            self._outbox.wrote()
        elif not self._queued:
            self._queued = True
            self._outbox.add(self)

    def flush(self) -> None:
        self._queued = False
        if self._held:
            data, self._held = b"".join(self._held), []
            self.written += len(data)
            self._transport.write(data)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def write_eof(self) -> None:
        self.flush()
        self._transport.write_eof()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class CoalescingProtocol(HttpToolsProtocol):
    """HTTP/1.1 by httptools, on a transport that coalesces writes."""

    transport: Any

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_CoalescingTransport(transport))  # type: ignore[arg-type]
