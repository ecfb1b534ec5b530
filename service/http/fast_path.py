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

from service.engine.offload import HoldsLoop
from service.errors import BodiesFull, Disconnected
from service.http.body import PARSE_IN_LOOP_BYTES, HeldBytes
from service.http.prediction import HttpPrediction, Target, target_of
from service.http.responses import Reply
from service.http.write_coalescing import CoalescingProtocol
from service.job import Answer

_NOT_PLAIN = {b"transfer-encoding", b"content-encoding", b"expect"}
"""Headers of requests that are not plain."""


class _NoEvent:
    """An event that nobody waits for."""

    def set(self) -> None:
        """Do nothing."""


class _Cycle:
    """
    A request under way, where uvicorn keeps its own; it sees to the connection by these names.

    Attributes:
        computing: Its answer, once it waits for one.
        held: Counts what has come of a body that does not come at once.
        length: Bytes of the body, whole.
        long: What is done for it beside the event loop.
        whole: All of it has come.
    """

    __slots__ = (
        "body",
        "computing",
        "disconnected",
        "held",
        "length",
        "long",
        "prediction",
        "keep_alive",
        "message_event",
        "response_complete",
        "whole",
    )

    def __init__(self, prediction: HttpPrediction):
        self.prediction = prediction
        self.body: list[bytes] = []
        self.computing: asyncio.Future[Answer] | None = None
        self.held: HeldBytes | None = None
        self.length = int(prediction.headers.content_length)
        self.long: asyncio.Task[None] | None = None
        self.disconnected = self.response_complete = self.whole = False
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
        return target_of(path) if length <= limit and "%" not in path else None

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        cycle = self.cycle
        if not isinstance(cycle, _Cycle):
            super().on_body(body)
        elif not cycle.response_complete:
            cycle.body.append(body)
            if len(body) < cycle.length:  # it waits for more
                self._hold(cycle, len(body))

    def _hold(self, cycle: _Cycle, size: int) -> None:
        if cycle.held is None:
            cycle.held = self.app.predictions.bodies.room.hold()
        try:
            cycle.held.take(size)
        except BodiesFull as exc:
            cycle.body.clear()
            cycle.held.give_back()
            self._finish(cycle, cycle.prediction.failure_amid_body(exc))

    def on_message_complete(self) -> None:
        """Have the request answered, now or when it is computed."""
        cycle = self.cycle
        if not isinstance(cycle, _Cycle):
            super().on_message_complete()
            return
        if cycle.response_complete:
            return
        cycle.whole = True
        if cycle.held is not None:
            cycle.held.give_back()
        prediction = cycle.prediction
        body = b"".join(cycle.body)
        cycle.body.clear()
        try:
            computing = prediction.start_with(body)
        except HoldsLoop:
            cycle.long = asyncio.ensure_future(self._read_aside(cycle, body))
        except Exception as exc:  # whatever it was, the client is answered
            self._finish(cycle, prediction.failure(exc))
        else:
            self._await(cycle, computing)

    async def _read_aside(self, cycle: _Cycle, body: bytes) -> None:
        prediction = cycle.prediction
        try:
            await self.app.predictions.parse_aside(prediction, body)
            if cycle.disconnected:
                raise Disconnected("the client left while its body was parsed")
            computing = prediction.submit()
        except Exception as exc:  # whatever it was, the client is answered
            self._finish(cycle, prediction.failure(exc))
        else:
            self._await(cycle, computing)

    def _await(self, cycle: _Cycle, computing: "asyncio.Future[Answer]") -> None:
        if computing.done():
            self._settle(cycle, computing)
        else:
            cycle.computing = computing
            computing.add_done_callback(partial(self._settle, cycle))

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the rows of a client that has left from the queue, or what has come of them."""
        super().connection_lost(exc)
        cycle = self.cycle
        if not isinstance(cycle, _Cycle) or cycle.response_complete:
            return
        if cycle.computing is not None:
            cycle.computing.cancel()
        elif not cycle.whole:
            if cycle.held is not None:
                cycle.held.give_back()
            left = Disconnected("the client left before its body was complete")
            self._finish(cycle, cycle.prediction.failure_amid_body(left))

    def _settle(self, cycle: _Cycle, computing: "asyncio.Future[Answer]") -> None:
        try:
            answer = computing.result()
            if cycle.prediction.is_long(answer):
                cycle.long = asyncio.ensure_future(self._answer_aside(cycle, answer))
                return
            reply = cycle.prediction.reply(answer)
        except asyncio.CancelledError:
            left = Disconnected("the client left while its rows were queued")
            reply = cycle.prediction.failure(left)
        except Exception as exc:  # whatever it was, the client is answered
            reply = cycle.prediction.failure(exc)
        self._finish(cycle, reply)

    async def _answer_aside(self, cycle: _Cycle, answer: Answer) -> None:
        try:
            reply = await self.app.predictions.long_reply(cycle.prediction, answer)
        except Exception as exc:  # whatever it was, the client is answered
            self._finish(cycle, cycle.prediction.failure(exc))
            return
        head, *pieces = self._written(cycle, reply)
        for piece in (head, *pieces):
            if cycle.disconnected or self.transport.is_closing():
                break
            self.transport.write_answer(piece)
            await asyncio.sleep(0)
            await self.flow.drain()
        self._end(cycle)

    def _finish(self, cycle: _Cycle, reply: Reply) -> None:
        if not cycle.disconnected and not self.transport.is_closing():
            self.transport.write_answer(b"".join(self._written(cycle, reply)))
        self._end(cycle)

    def _written(self, cycle: _Cycle, reply: Reply) -> list[bytes]:
        status, headers, body = reply
        lines = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, *headers):
            lines += (name, b": ", value, b"\r\n")
        lines.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
        head = b"".join(lines)
        return [head, body] if isinstance(body, bytes) else [head, *body]

    def _end(self, cycle: _Cycle) -> None:
        cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        cycle.prediction.end()
        self.on_response_complete()
