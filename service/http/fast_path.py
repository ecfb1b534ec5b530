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
from typing import NamedTuple

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from service import request_id as request_ids
from service.connection.known_head import KnownHead, known_head
from service.connection.sequential import SequentialProtocol
from service.engine.offload import HoldsLoop
from service.errors import BodiesFull, Disconnected
from service.http.body import PARSE_IN_LOOP_BYTES
from service.http.cycle import PredictionCycle
from service.http.prediction import Target
from service.job import Answer
from service.protocol.answer_headers import RawHeaders, Reply

_NOT_PLAIN = {b"transfer-encoding", b"content-encoding", b"expect", b"origin"}
"""Headers of requests that are not plain; CORS, where it is on, answers to `Origin` in ASGI."""


class _Usual(NamedTuple):
    """A plain prediction's head that came before, and what it says."""

    head: KnownHead
    target: Target
    path: str
    headers: RawHeaders


class FastPathProtocol(SequentialProtocol):
    """HTTP/1.1 by httptools; the application is `service.app.Application`."""

    cycle: RequestResponseCycle | PredictionCycle | None  # type: ignore[assignment]
    _usual: _Usual | None = None

    def data_received(self, data: bytes) -> None:
        """Read a request, at once where its head is the usual one of this connection."""
        usual = self._usual
        body = None if usual is None else usual.head.body_of(data)
        if usual is None or body is None or not self._takes(len(body)):
            super().data_received(data)
            return
        self.received += len(data)
        self.requests += 1
        self._begin(usual.target, usual.path, usual.headers, len(body)).body.append(body)
        if self.server_state.closing:
            self.answer_and_close()
        self.end_request()
        request_ids.leave()

    def _takes(self, length: int) -> bool:
        return self.at_rest() and length <= self._most_bytes() and not self.flow.write_paused

    def read_one(self, data: bytes) -> None:
        """Read a request that is all of what was read; remember its head if it is a plain one."""
        super().read_one(data)
        cycle = self.cycle
        # A client whose heads differ pays for few looks, one that changes its ways is followed.
        if self.requests.bit_count() == 1 and isinstance(cycle, PredictionCycle):
            head, target = known_head(data), cycle.prediction.target
            if head is not None:
                self._usual = _Usual(head, target, self.url.decode("latin-1"), self.headers)

    def begin_request(self, fields: Mapping[bytes, bytes], length: int | None) -> None:
        """Take a plain prediction; leave everything else to uvicorn."""
        path = self.url.decode("latin-1")
        target = self._target(path, fields, length)
        if target is None or length is None:
            super().begin_request(fields, length)
        else:
            self._begin(target, path, self.headers, length)

    def _begin(
        self, target: Target, path: str, headers: RawHeaders, length: int
    ) -> PredictionCycle:
        prediction = self.app.predictions.begin(target, path, headers)
        self.cycle = PredictionCycle(prediction, length)
        return self.cycle

    def _target(
        self, path: str, fields: Mapping[bytes, bytes], length: int | None
    ) -> Target | None:
        parser, target = self.parser, self.app.predictions.target_of(path)
        if (
            target is None
            or length is None
            or parser.get_method() != b"POST"
            or self.version != "1.1"
            or not parser.should_keep_alive()
            or self.flow.write_paused
            or not _NOT_PLAIN.isdisjoint(fields)
        ):
            return None
        return target if length <= self._most_bytes() and "%" not in path else None

    def _most_bytes(self) -> int:
        largest: int = self.app.predictions.max_bytes
        return min(PARSE_IN_LOOP_BYTES, largest)

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        cycle = self.cycle
        if not isinstance(cycle, PredictionCycle):
            super().on_body(body)
        elif not cycle.response_complete:
            cycle.body.append(body)
            if len(body) < cycle.length:  # it waits for more
                self._take(cycle, len(body))

    def _take(self, cycle: PredictionCycle, size: int) -> None:
        if cycle.held is None:
            cycle.held = self.app.predictions.bodies.room.hold()
        try:
            cycle.held.take(size)
        except BodiesFull as exc:
            cycle.body.clear()
            cycle.held.give_back()
            self._finish(cycle, cycle.prediction.failure_amid_body(exc))

    def end_request(self) -> None:
        """Have the request answered, now or when it is computed."""
        cycle = self.cycle
        if not isinstance(cycle, PredictionCycle):
            super().end_request()
            return
        if cycle.response_complete:
            return
        cycle.whole = True
        if cycle.held is not None:
            cycle.held.give_back()
        prediction, body = cycle.prediction, b"".join(cycle.body)
        request_ids.resume(prediction.request_id)  # the head may have come in another read
        cycle.body.clear()
        try:
            computing = prediction.start_with(body)
        except HoldsLoop:
            cycle.long = asyncio.ensure_future(self._read_aside(cycle, body))
        except Exception as exc:  # whatever it was, the client is answered
            self._finish(cycle, prediction.failure(exc))
        else:
            self._await(cycle, computing)

    async def _read_aside(self, cycle: PredictionCycle, body: bytes) -> None:
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

    def _await(self, cycle: PredictionCycle, computing: "asyncio.Future[Answer]") -> None:
        if computing.done():
            self._settle(cycle, computing)
        else:
            cycle.computing = computing
            computing.add_done_callback(partial(self._settle, cycle))

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the rows of a client that has left from the queue, or what has come of them."""
        super().connection_lost(exc)
        cycle = self.cycle
        if not isinstance(cycle, PredictionCycle) or cycle.response_complete:
            return
        if cycle.computing is not None:
            cycle.computing.cancel()
        elif not cycle.whole:
            self._leave(cycle)

    def give_up(self) -> None:
        """Count a request whose body will not be complete."""
        cycle = self.cycle
        if isinstance(cycle, PredictionCycle):
            self._leave(cycle)
        else:
            super().give_up()

    def _leave(self, cycle: PredictionCycle) -> None:
        """Count a prediction whose client left amid its body, as one that came by ASGI is."""
        cycle.response_complete = True
        cycle.body.clear()
        if cycle.held is not None:
            cycle.held.give_back()
        left = Disconnected("the client left before its body was complete")
        cycle.prediction.failure_amid_body(left)
        cycle.prediction.end()

    def _settle(self, cycle: PredictionCycle, computing: "asyncio.Future[Answer]") -> None:
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

    async def _answer_aside(self, cycle: PredictionCycle, answer: Answer) -> None:
        try:
            reply = await self.app.predictions.long_reply(cycle.prediction, answer)
        except Exception as exc:  # whatever it was, the client is answered
            self._finish(cycle, cycle.prediction.failure(exc))
            return
        body = reply[2]
        pieces = [body] if isinstance(body, bytes) else body
        for piece in (self.head_of(reply, cycle.keep_alive), *pieces):
            if cycle.disconnected or self.transport.is_closing():
                break
            self.transport.write_answer(piece)
            await asyncio.sleep(0)
            await self.flow.drain()
        self._end(cycle)

    def _finish(self, cycle: PredictionCycle, reply: Reply) -> None:
        if not cycle.disconnected and not self.transport.is_closing():
            self.write_reply(reply, cycle.keep_alive)
        self._end(cycle)

    def _end(self, cycle: PredictionCycle) -> None:
        cycle.response_complete = True
        if not cycle.keep_alive and not self.transport.is_closing():
            self.transport.close()
        cycle.prediction.end()
        self.on_response_complete()
