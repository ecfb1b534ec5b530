"""
uvicorn's protocol, but one request of a connection at a time, and within bounds.

uvicorn makes of everything that is read a request at once. Here the next request is parsed when
the former is answered; until then its bytes are held, at most one read of them, and no more is
read.

An offer to upgrade is ignored, as a server may: the request is read as if there were none.

Covered:      order, bounds, offers to upgrade, clients that have sent all they will.
Not covered:  refusals and time limits (`refusing`), what requests are answered with (uvicorn and
              ASGI, or `fast_path`).
"""

import contextvars
import logging
from collections.abc import Mapping
from typing import Any

import httptools

from service import request_id as request_ids
from service.connection.connection_state import ConnectionState
from service.connection.framing import MAX_URL_BYTES, Framing
from service.connection.heads import check_offer, checked_fields, content_length, without_offer
from service.connection.patience import Phase
from service.connection.refusals import Refusal, malformed
from service.connection.refusing import RefusingProtocol
from service.errors import short_repr

log = logging.getLogger(__name__)

PIECES_A_TURN = 500
"""Pieces of a chunked body that are parsed before others have their turn: at most 1 ms."""


class SequentialProtocol(RefusingProtocol):
    """
    HTTP/1.1 by httptools, a request after the other.

    Attributes:
        answered_s: When the answer before was complete, in the loop's clock.
        version: HTTP's, of the request begun last.
    """

    answered_s = 0.0
    version: str
    server_state: ConnectionState

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._framing = Framing()
        self._held = b""  # what has come of the next request
        self._going_on = False  # whether that is about to be read

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what is held."""
        self._held = b""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read a request, or hold it until the former is answered."""
        self.received += len(data)
        if self.refused:
            return
        if self._held or (self._framing.complete and not self.cycle.response_complete):
            self._hold(self._held + data)
        else:
            self._read(data)

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn's returns None
        """Keep the connection while there is something to answer."""
        self.transport.flush()
        # TLS has no half of a connection that could stay open.
        going_on = not self.refused and bool(self._held or self._answering())
        self.ended = going_on and self.scheme != "https"
        if self.ended:
            self.flow.hold()
        return self.ended

    def on_message_begin(self) -> None:
        """Expect a head; uvicorn makes the scope of a request here, which a plain one needs not."""
        if self._framing.begun:
            raise malformed()  # two requests in one piece: the parser and we count differently
        self._framing.begun = True
        self.requests += 1
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > MAX_URL_BYTES:
            raise Refusal(414, "too_large", f"a URL may have at most {MAX_URL_BYTES} bytes")

    def on_headers_complete(self) -> None:
        """Check the head, and begin the request."""
        if self.parser.should_upgrade():
            check_offer(self.parser.get_method())
            return
        self.version = self.parser.get_http_version()
        fields = checked_fields(self.headers, self.version)
        length, chunked = content_length(fields), b"transfer-encoding" in fields
        self._framing.end_head(length or 0, chunked)
        self.begin_request(fields, length)
        if self.server_state.closing:
            self.answer_and_close()
        if chunked:
            self.headers = []  # trailers are not headers

    def begin_request(self, fields: Mapping[bytes, bytes], length: int | None) -> None:
        """
        Begin a request whose head is complete.

        Args:
            fields: Its headers, the last of each name.
            length: Of its body in bytes; None where it does not say.
        """
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect
        self.headers += headers
        try:
            super().on_headers_complete()
        except (httptools.HttpParserInvalidURLError, UnicodeError, AttributeError):
            # The last for a URL without a path, of which uvicorn reads the path all the same.
            raise malformed(f"expected a path, got {short_repr(self.url)}") from None

    def answer_and_close(self) -> None:
        """Let the answer under way be the last, if there is one."""
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        if not self.parser.should_upgrade():
            self._framing.complete = True
            self.end_request()

    def end_request(self) -> None:
        """End the request begun last: all of it has come."""
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on to what has come meanwhile, or wait for it."""
        self.server_state.total_requests += 1
        self.answered_s = self.loop.time()
        if self.transport.is_closing():
            return
        if self._held:
            self._go_on_soon()
        elif self.ended:
            self.transport.close()
        elif self.flow.read_paused:
            self.flow.resume_reading()

    def phase(self) -> Phase:
        """What the connection waits for."""
        framing = self._framing
        if self.refused:
            return Phase.REFUSED
        if self._held or self._answering():
            return Phase.ANSWER
        if not framing.begun or framing.complete:
            return Phase.IDLE
        return Phase.HEAD if framing.in_head else Phase.BODY

    def at_rest(self) -> bool:
        """Whether all that came is answered, and what comes now begins a request."""
        complete = self._framing.complete and self.cycle.response_complete
        return bool(complete and not self._held and not self.refused)

    def _answering(self) -> bool:
        """Whether a request has come whole and is not answered."""
        return self._framing.complete and not self.cycle.response_complete

    def _read(self, data: bytes) -> None:
        """Read to the end of one request at most; hold what follows."""
        if self._framing.complete:
            self._framing.begin()
        try:
            if self._framing.is_one(data):  # then the parser needs no pieces
                self.read_one(data)
                rest = b""
            else:
                rest = self._read_pieces(data)
        except Refusal as refusal:
            self._held = b""
            self.refuse(refusal)
            return
        finally:
            request_ids.leave()  # the context is that of the connection, or of all of them
        if self.transport.is_closing():
            return
        if rest:
            self._hold(rest)
            if not self._answering():
                self._go_on_soon()
        elif self.ended and not self._answering():
            self.transport.close()

    def _read_pieces(self, data: bytes) -> bytes:
        framing, start = self._framing, 0
        for _ in range(PIECES_A_TURN):
            end = framing.piece_end(data, start)
            self._feed(data if end - start == len(data) else data[start:end])
            start = end
            if framing.complete or start == len(data) or self.transport.is_closing():
                break
        return data[start:]

    def read_one(self, data: bytes) -> None:
        """Read a request that is all of what was read."""
        self._feed(data)
        if not self._framing.complete:
            raise malformed()  # the parser and we count differently

    def _feed(self, piece: bytes) -> None:
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as exc:
            self._framing.begun = False
            method, version = self.parser.get_method(), self.parser.get_http_version()
            head = without_offer(method, self.url, version, self.headers)
            self._feed(head + piece[exc.args[0] :])
        except httptools.HttpParserError as exc:
            cause = exc.__context__  # what a callback has raised
            if isinstance(cause, Refusal):
                raise cause from None
            if cause is not None:
                log.error("a request could not be begun", exc_info=cause)
            raise malformed() from None

    def _hold(self, data: bytes) -> None:
        self._held = data
        self.flow.hold()

    def _go_on_soon(self) -> None:
        if not self._going_on:
            self._going_on = True
            # In no request's context; and others have their turn between two requests.
            self.loop.call_soon(self._go_on, context=contextvars.Context())

    def _go_on(self) -> None:
        self._going_on = False
        data, self._held = self._held, b""
        if self.transport.is_closing() or not data:
            return
        self._read(data)
        if not self._held and not self.ended:
            self.flow.release()
