"""
Plain predictions without a task, from the bytes of a request to the bytes of its answer.

uvicorn makes of a request an ASGI scope, a task, an event, and messages back and forth: twice
what a row of a small model costs otherwise. A POST to a prediction path that comes as almost all
do, with its length, uncompressed, alone on its connection, is taken from uvicorn's parser as soon
as it is whole, and its answer is written in one piece. Every other request goes uvicorn's way.

Covered:      HTTP/1.1 requests kept alive, of `PARSE_IN_LOOP_BYTES` at most; clients that leave.
Not covered:  what is in a request (`prediction`); chunks, `Expect`: uvicorn, and ASGI; the
              connection itself (`sequential`).

Measured: docs/decisions/0010-request-path.md.
"""

import asyncio
from collections.abc import Mapping
from functools import partial

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from service.errors import Disconnected, ServiceError
from service.http.body import PARSE_IN_LOOP_BYTES
from service.http.prediction import HttpPrediction, Target
from service.http.responses import Reply
from service.http.sequential import SequentialProtocol
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


class FastPathProtocol(SequentialProtocol):
    """HTTP/1.1 by httptools; the application is `service.app.Application`."""

    cycle: RequestResponseCycle | _Cycle | None  # type: ignore[assignment]

    def begin_request(self, fields: Mapping[bytes, bytes], length: int | None) -> None:
        """Take a plain prediction; leave everything else to uvicorn."""
        path = self.url.decode("latin-1")
        target = self._target(path, fields, length)
        if target is None:
            super().begin_request(fields, length)
        else:
            prediction = self.app.predictions.begin(target, path, self.headers)
            self.cycle = _Cycle(prediction)

    def _target(
        self, path: str, fields: Mapping[bytes, bytes], length: int | None
    ) -> Target | None:
        parser, target = self.parser, self.app.predictions.target_of(path)
        if (
            target is None
            or length is None
            or parser.get_method() != b"POST"
            or parser.get_http_version() != "1.1"
            or not parser.should_keep_alive()
            or self.flow.write_paused
            or not _NOT_PLAIN.isdisjoint(fields)
        ):
            return None
        limit = min(PARSE_IN_LOOP_BYTES, self.app.predictions.max_bytes)
        return target if length <= limit and "%" not in path else None

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        if isinstance(self.cycle, _Cycle):
            self.cycle.body.append(body)
        else:
            super().on_body(body)

    def end_request(self) -> None:
        """Have the request answered, now or when it is computed."""
        cycle = self.cycle
        if not isinstance(cycle, _Cycle):
            super().end_request()
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
        """Drop the rows of a client that has left from the queue: of one that reset, not ended."""
        super().connection_lost(exc)
        cycle = self.cycle
        if not isinstance(cycle, _Cycle) or cycle.response_complete:
            return
        if cycle.computing is not None:
            cycle.computing.cancel()
        else:
            self._leave(cycle)

    def give_up(self) -> None:
        """Count a request whose body will not be complete."""
        cycle = self.cycle
        if isinstance(cycle, _Cycle):
            self._leave(cycle)
        else:
            super().give_up()

    def _leave(self, cycle: _Cycle) -> None:
        """Count a prediction whose client left amid its body, as one that came by ASGI is."""
        cycle.response_complete = True
        error: ServiceError = Disconnected("the client left before its body was complete")
        try:
            cycle.prediction.find_target()
        except ServiceError as exc:
            error = exc
        cycle.prediction.fail(error)
        cycle.prediction.end()

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
            self.write_reply(reply, cycle.keep_alive)
            if not cycle.keep_alive:
                self.transport.close()
        cycle.prediction.end()
        self.on_response_complete()
