"""
Plain predictions without a task, from the bytes of a request to the bytes of its answer.

uvicorn makes of a request an ASGI scope, a task, an event, and messages back and forth: twice
what a row of a small model costs otherwise. A POST to a prediction path that comes as almost all
do, with its length, uncompressed, alone on its connection, is taken from uvicorn's parser as soon
as it is whole, and its answer is written in one piece. Every other request goes uvicorn's way.

Covered:      HTTP/1.1 requests kept alive, of `PARSE_IN_LOOP_BYTES` at most; clients that leave.
Not covered:  what is in a request (`prediction`); pipelines, chunks, `Expect`: uvicorn, and ASGI.

Measured: docs/decisions/0010-request-path.md.
"""

import asyncio
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from service.errors import Disconnected
from service.http.body import PARSE_IN_LOOP_BYTES
from service.http.prediction import HttpPrediction, Target
from service.http.responses import Reply
from service.http.write_coalescing import CoalescingProtocol
from service.job import Answer

_NOT_PLAIN = {b"transfer-encoding", b"content-encoding", b"expect", b"origin"}
"""Headers of requests that are not plain; CORS, where it is on, answers to `Origin` in ASGI."""


class _NoEvent:
    """An event that nobody waits for."""

    def set(self) -> None:
        """Do nothing."""


class _Cycle:
    """
    A request under way, where uvicorn keeps its own; it sees to the connection by these names.

    Attributes:
        computing: Its answer, once it waits for one.
    """

    __slots__ = (
        "body",
        "computing",
        "disconnected",
        "prediction",
        "keep_alive",
        "message_event",
        "response_complete",
    )

    def __init__(self, prediction: HttpPrediction):
        self.prediction = prediction
        self.body: list[bytes] = []
        self.computing: asyncio.Future[Answer] | None = None
        self.disconnected = self.response_complete = False
        self.keep_alive = True
        self.message_event = _NO_EVENT


_NO_EVENT = _NoEvent()


class FastPathProtocol(CoalescingProtocol):
    """HTTP/1.1 by httptools; the application is `service.app.Application`."""

    app: Any
    cycle: RequestResponseCycle | _Cycle | None  # type: ignore[assignment]
    transport: Any

    def on_headers_complete(self) -> None:
        """Take a plain prediction; leave everything else to uvicorn."""
        path = self.url.decode("latin-1")
        target = self._target(path)
        if target is None:
            super().on_headers_complete()
        else:
            prediction = self.app.predictions.begin(target, path, self.headers)
            self.cycle = _Cycle(prediction)

    def _target(self, path: str) -> Target | None:
        parser = self.parser
        former = self.cycle
        if (
            parser.get_method() != b"POST"
            or parser.get_http_version() != "1.1"
            or not parser.should_keep_alive()
            or parser.should_upgrade()
            or (former is not None and not former.response_complete)
            or self.flow.write_paused
        ):
            return None
        length = PARSE_IN_LOOP_BYTES + 1
        for name, value in self.headers:
            if name in _NOT_PLAIN:
                return None
            if name == b"content-length" and value.isdigit():
                length = int(value)
        limit = min(PARSE_IN_LOOP_BYTES, self.app.predictions.max_bytes)
        plain = length <= limit and "%" not in path
        return self.app.predictions.target_of(path) if plain else None

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        if isinstance(self.cycle, _Cycle):
            self.cycle.body.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Have the request answered, now or when it is computed."""
        cycle = self.cycle
        if not isinstance(cycle, _Cycle):
            super().on_message_complete()
            return
        if cycle.response_complete:
            return
        prediction = cycle.prediction
        try:
            computing = prediction.start_with(b"".join(cycle.body))
        except Exception as exc:  # whatever it was, the client is answered
            self._finish(cycle, prediction.failure(exc))
            return
        if computing.done():
            self._settle(cycle, computing)
        else:
            cycle.computing = computing
            computing.add_done_callback(partial(self._settle, cycle))

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the rows of a client that has left from the queue."""
        super().connection_lost(exc)
        if isinstance(self.cycle, _Cycle) and self.cycle.computing is not None:
            self.cycle.computing.cancel()

    def _settle(self, cycle: _Cycle, computing: "asyncio.Future[Answer]") -> None:
        try:
            reply = cycle.prediction.reply(computing.result())
        except asyncio.CancelledError:
            left = Disconnected("the client left while its rows were queued")
            reply = cycle.prediction.failure(left)
        except Exception as exc:  # whatever it was, the client is answered
            reply = cycle.prediction.failure(exc)
        self._finish(cycle, reply)

    def _finish(self, cycle: _Cycle, reply: Reply) -> None:
        cycle.response_complete = True
        if not cycle.disconnected and not self.transport.is_closing():
            status, headers, body = reply
            lines = [STATUS_LINE[status]]
            for name, value in (*self.server_state.default_headers, *headers):
                lines += (name, b": ", value, b"\r\n")
            lines.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
            self.transport.write_answer(b"".join(lines) + body)
            if not cycle.keep_alive:
                self.transport.close()
        cycle.prediction.end()
        self.on_response_complete()
