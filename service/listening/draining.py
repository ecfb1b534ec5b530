"""
The stop of the server: what it closes when, within a limit of time.

On SIGTERM or SIGINT the service is no longer ready; after the drain delay new requests are
refused, those accepted are answered, and then the sockets close: nothing accepted is lost. What
cannot be answered within the grace is told so. The same if the device is lost, for good.

Covered:      signals once the server runs, connections, the engine's part in the stop.
Not covered:  signals before (`service.cli.early_stop`); the times (`service.shutdown`).
"""

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import cast

import uvicorn

from service.connection.sequential import SequentialProtocol
from service.engine.engine import Engine
from service.listening.listening_server import ListeningServer
from service.listening.operations_port import OperationsPort
from service.shutdown import Deadline, Times

log = logging.getLogger(__name__)

FAILURE_GRACE_S = 5
"""For a client that is still sending or reading when the service cannot go on; a signal waits."""

REFUSING_S = 0.1
"""For requests on their way to be refused in words, before idle connections are closed."""

POLL_S = 0.02  # uvicorn tells nobody when a connection has closed


class DrainingServer(ListeningServer):
    """
    Uvicorn that lets the engine finish before it closes connections, within a limit of time.

    Args:
        config: Of uvicorn, with a `SequentialProtocol`.
        listeners: Of the main port.
        most_connections: At a time, on that port.
        engine: Computes what is accepted.
        operations: The port for probes; None where there is no other.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        listeners: Sequence[socket.socket],
        most_connections: int,
        engine: Engine,
        operations: OperationsPort | None = None,
    ):
        super().__init__(
            config, listeners, most_connections, engine.metrics.connections, operations
        )
        self._engine = engine
        settings = engine.settings
        self.deadline = Deadline(
            settings.drain_delay_s, settings.shutdown_grace_s, self._unanswered
        )

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until it has stopped; the loop stays open, for to close it waits for threads."""
        self.deadline.enforce()
        loop_factory = self.config.get_loop_factory() or asyncio.new_event_loop
        loop_factory().run_until_complete(self.serve(sockets))

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals from now on; uvicorn would raise them again in the end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin the stop, or hurry it."""
        self.deadline.signalled()
        self.should_exit = True

    def fail(self) -> None:
        """Begin the stop of a service that cannot go on."""
        self.deadline.failed(FAILURE_GRACE_S)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Be not ready, refuse new requests, answer those accepted, and close, in this order."""
        await self._let_balancers_leave()
        self._engine.drain()
        self.close_listeners()
        log.info("stopping: new requests are refused, %d connections are open", self._open)
        await asyncio.sleep(REFUSING_S)
        await self._wait(self._drain, lambda: self._times.close_s)
        if self._drain():
            await self._cut_off()
        await self.lifespan.shutdown()
        self.close_operations()

    async def _let_balancers_leave(self) -> None:
        """Serve on for the delay, not ready, and with every answer the last of its connection."""
        self.server_state.closing = True
        for connection in self._connections():
            connection.answer_and_close()
        self._engine.announce_stop()
        delay_s = self._times.refuse_s - time.monotonic()
        if self._engine.state == "terminating" and delay_s > 0:
            log.info("stopping: not ready; requests are served for %.1f s more", delay_s)
            await self._wait(lambda: True, lambda: self._times.refuse_s)

    def _drain(self) -> bool:
        """Close connections that wait for a next request; whether anything is under way."""
        for connection in self._connections():
            connection.shutdown()
        return bool(self._open or self.server_state.tasks or self._unanswered())

    async def _cut_off(self) -> None:
        """Answer what is computed, refuse what is accepted, and close what is neither."""
        await self._wait(lambda: self._unanswered() > 0, _in(self.deadline.last_s))
        refused = self._engine.give_up()
        await self._wait(self._drain, _in(self.deadline.last_s))
        log.warning(
            "stopping: %s: %d requests that were not computed are refused, %d connections are cut",
            "a second signal" if self.deadline.hurried else "the time for answers is over",
            refused,
            self._open,
        )
        for connection in self._connections():
            connection.transport.abort()
        await self._wait(lambda: bool(self.server_state.tasks), _in(self.deadline.last_s))

    async def _wait(self, under_way: Callable[[], bool], until_s: Callable[[], float]) -> None:
        while under_way() and time.monotonic() < until_s():
            await self.on_tick(0)  # keeps the date of answers
            await asyncio.sleep(POLL_S)

    def _connections(self) -> list[SequentialProtocol]:
        return cast(list[SequentialProtocol], list(self.server_state.connections))

    @property
    def _open(self) -> int:
        return len(self.server_state.connections)

    @property
    def _times(self) -> Times:
        assert self.deadline.times is not None, "nobody has asked for a stop. This is a bug."
        return self.deadline.times

    def _unanswered(self) -> int:
        return self._engine.requests.unanswered


def _in(seconds: float) -> Callable[[], float]:
    """A moment from now, in the clock of `Times`."""
    until_s = time.monotonic() + seconds
    return lambda: until_s
