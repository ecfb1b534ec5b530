"""
uvicorn's protocol, but connections are closed for what their clients do, or do not do.

Covered:      telling the client why, where it can be told; looking at the time; the counts.
Not covered:  what is refused (`sequential`, `framing`, `heads`), how slow is too slow (`patience`).
"""

import asyncio
import logging
from typing import Any

import orjson
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from service.connection.patience import (
    HEAD_S,
    LOOK_S,
    WINDOW_BYTES,
    WINDOW_S,
    Look,
    Patience,
    Phase,
)
from service.connection.refusals import Refusal
from service.connection.write_coalescing import CoalescingProtocol
from service.protocol.answer_headers import Reply

log = logging.getLogger(__name__)

_SLOW = {
    "slow_head": f"a request's head must be complete within {HEAD_S:.0f} s",
    "slow_body": f"a body must get on by {WINDOW_BYTES} bytes in {WINDOW_S:.0f} s",
}


class HoldingFlow(FlowControl):
    """
    uvicorn's, which does not resume reading while it must not.

    Attributes:
        holding: Whether it must not.
    """

    holding = False

    def resume_reading(self) -> None:
        """Resume it, unless it must not."""
        if not self.holding:
            super().resume_reading()

    def hold(self) -> None:
        """Read nothing until it is released."""
        self.holding = True
        self.pause_reading()

    def release(self) -> None:
        """Read again."""
        self.holding = False
        self.resume_reading()


class RefusingProtocol(CoalescingProtocol):
    """
    HTTP/1.1 by httptools; the application counts in `closed_connections`.

    Attributes:
        refused: Whether the client was told that the connection ends, and why.
        ended: Whether the client has sent all it will.
        requests: How many have begun.
        received: Bytes that have come.
    """

    app: Any
    cycle: Any
    flow: HoldingFlow

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.refused = self.ended = False
        self.requests = self.received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look at the time."""
        super().connection_made(transport)
        self.flow = HoldingFlow(self.transport)
        self._patience = Patience(self.loop.time(), self.timeout_keep_alive)
        self._looking = self.loop.call_later(LOOK_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        self._looking.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Close at once where nothing will be answered."""
        if self.refused:
            self.transport.close()
        else:
            super().shutdown()

    def phase(self) -> Phase:
        """What the connection waits for."""
        raise NotImplementedError

    def give_up(self) -> None:
        """Give up the request begun last, which will not be complete."""
        cycle = self.cycle
        cycle.disconnected = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()

    def write_reply(self, reply: Reply, keep_alive: bool) -> None:
        """Write an answer that is whole, and say whether the connection is kept."""
        head, body = self.head_of(reply, keep_alive), reply[2]
        self.transport.write_answer(head + (body if isinstance(body, bytes) else b"".join(body)))

    def head_of(self, reply: Reply, keep_alive: bool) -> bytes:
        """The bytes of an answer's head."""
        lines = [STATUS_LINE[reply[0]]]
        for name, value in (*self.server_state.default_headers, *reply[1]):
            lines += (name, b": ", value, b"\r\n")
        lines.append(b"\r\n" if keep_alive else b"connection: close\r\n\r\n")
        return b"".join(lines)

    def refuse(self, refusal: Refusal) -> None:
        """Tell the client why, and close the connection when it has read that."""
        if self.transport.is_closing():
            return
        if refusal.reason is not None:
            self.app.closed_connections.count(refusal.reason)
        log.info("refused a connection: %s", refusal)
        self.refused = True
        cycle = self.cycle
        answered = cycle is None or cycle.response_complete
        if not answered:
            self.give_up()
        if answered or not getattr(cycle, "response_started", False):
            self.write_reply(_reply_of(refusal), keep_alive=False)
        if self.ended or not self.transport.can_write_eof():
            self.transport.close()
        else:
            self.transport.write_eof()
            self.flow.release()  # what is not read has the system drop the answer

    def _look(self) -> None:
        self._looking = self.loop.call_later(LOOK_S, self._look)
        unsent = self.transport.get_write_buffer_size()
        sent = self.transport.written - unsent
        paused = self.flow.read_paused
        look = Look(self.phase(), self.requests, self.received, sent, unsent, paused)
        match self._patience.verdict(self.loop.time(), look):
            case "slow_head" | "slow_body" as slow:
                self.refuse(Refusal(408, slow, _SLOW[slow]))
            case "slow_reader" as slow:
                self.app.closed_connections.count(slow)
                log.info("closed a connection: its client does not read the answer")
                self.transport.abort()
            case "silent" as silent if not self.transport.is_closing():
                self.app.closed_connections.count(silent)
                self.transport.close()
            case "idle" | "refused":
                self.transport.close()


def _reply_of(refusal: Refusal) -> Reply:
    body = orjson.dumps({"error": str(refusal)})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if refusal.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % refusal.retry_after_s))
    return refusal.status, headers, body
