"""
How many connections a port may have, and which of them go when there are more.

As many servers do, it makes room by closing the connection that has been idle the longest, between
two requests or silent since it was accepted; where none is, one whose TLS handshake has not ended.
Where there is none of these either, a few more are accepted for probes and metrics alone, so that
whoever looks after the service still gets in.

Covered:      the decision, the series, the log lines.
Not covered:  sockets (`accepting`), what a connection for probes may ask (`probe_protocol`), how
              long a connection may be silent or slow while there is room for it.
"""

import heapq
import logging
from collections.abc import Callable, Iterable, Iterator

from service.listening.idle import IdleTimes
from service.metrics.connections import ConnectionMetrics

log = logging.getLogger(__name__)

FOR_PROBES = 16
"""More than probes and scrapers that ask at one time; a connection of theirs lasts milliseconds."""
CANDIDATES = 64
"""Idle connections that one look at all of them finds."""
HEARD_AFTER = 8
"""Turns of accepting after which a connection's first bytes have been read if they were there."""
ROOM = 0.9
"""Of the limit: below it there is room again. Apart from the limit, lest it be logged all day."""

Make = Callable[[], IdleTimes]
End = Callable[[], object]


class ConnectionLimit:
    """
    The limit of one port.

    Args:
        opened: The open connections, kept by uvicorn.
        most: At a time, without those for probes.
        metrics: Counts those that had to go.
        usual: Makes the protocol of a connection.
        for_probe: Makes that of one beyond the limit.
    """

    def __init__(
        self,
        opened: set[IdleTimes],
        most: int,
        metrics: ConnectionMetrics,
        usual: Make,
        for_probe: Make,
    ):
        self._opened, self._most, self._metrics = opened, most, metrics
        self._usual, self._for_probe = usual, for_probe
        self._connecting: set[IdleTimes] = set()  # accepted, and not yet among the open ones
        self._handshakes: dict[IdleTimes, tuple[int, End]] = {}  # of TLS, since which turn
        self._closing: set[IdleTimes] = set()
        self._probes: dict[IdleTimes, int] = {}  # and the turn in which they were accepted
        self._idle: Iterator[IdleTimes] = iter(())
        self._turn = self._looked = 0
        self._reached = False

    @property
    def open(self) -> int:
        """Connections accepted and not yet closed."""
        return len(self._opened) + len(self._connecting - self._opened)

    def begin_turn(self) -> None:
        """Begin to accept what waits."""
        self._turn += 1
        if self._reached and self.open < ROOM * self._most:
            self._reached = False
            log.info("%d connections are open: there is room again", self.open)

    def admit(self) -> IdleTimes | None:
        """Make the protocol of a connection that waits; None where there is no room for it."""
        if not self._full() or self.close_idle(1) or self._end_usual_handshake():
            protocol = self._usual()
        elif self._room_for_probe():
            protocol = self._for_probe()
            self._probes[protocol] = self._turn
        else:
            self._metrics.shed["refused"].inc()
            return None
        self._connecting.add(protocol)
        return protocol

    def shakes_hands(self, protocol: IdleTimes, end: End) -> None:
        """Say that a TLS handshake is going on, and how to end it."""
        self._handshakes[protocol] = self._turn, end

    def connected(self, protocol: IdleTimes) -> None:
        """Say that uvicorn knows the connection from now on, or that it has ended."""
        self._connecting.discard(protocol)
        self._handshakes.pop(protocol, None)

    def close_idle(self, most: int) -> int:
        """Close the connections that have been idle the longest; returns how many."""
        closed = 0
        while closed < most and (protocol := self._next_idle()) is not None:
            self._close(protocol)
            closed += 1
        return closed

    def _full(self) -> bool:
        if len(self._opened) + len(self._connecting) < self._most:
            return False
        self._closing &= self._opened
        self._probes = {p: turn for p, turn in self._probes.items() if self._lives(p)}
        full = self.open - len(self._closing) - len(self._probes) >= self._most
        if full and not self._reached:
            self._reached = True
            log.warning(
                "%d connections are open, as many as max_connections allows: "
                "for a new one the longest idle one is closed",
                self.open,
            )
        return full

    def _lives(self, protocol: IdleTimes) -> bool:
        return protocol in self._opened or protocol in self._connecting

    def _next_idle(self) -> IdleTimes | None:
        while (protocol := next(self._idle, None)) is not None:
            if protocol in self._opened and protocol.idle_since_s is not None:
                return protocol
        if self._looked == self._turn:  # once a turn is enough: it takes a look at every one
            return None
        self._looked = self._turn
        usual = self._opened - self._closing - self._probes.keys()
        self._idle = iter(_longest_idle(usual))
        return next(self._idle, None)

    def _end_usual_handshake(self) -> bool:
        return self._end_handshake(p for p in self._handshakes if p not in self._probes)

    def _end_handshake(self, protocols: Iterable[IdleTimes]) -> bool:
        """End the first handshake that has had its time."""
        for protocol in protocols:
            turn, end = self._handshakes.get(protocol, (self._turn, None))
            if end is not None and self._turn - turn > HEARD_AFTER:
                end()
                self.connected(protocol)
                self._metrics.shed["idle"].inc()
                return True
        return False

    def _room_for_probe(self) -> bool:
        if len(self._probes) < FOR_PROBES or self._end_handshake(self._probes):
            return True
        for protocol, turn in self._probes.items():
            if protocol in self._opened and protocol.silent and self._turn - turn > HEARD_AFTER:
                self._close(protocol)
                del self._probes[protocol]
                return True
        return False

    def _close(self, protocol: IdleTimes) -> None:
        protocol.close_idle()
        self._closing.add(protocol)
        self._metrics.shed["idle"].inc()


def _longest_idle(connections: Iterable[IdleTimes]) -> list[IdleTimes]:
    found = ((p.idle_since_s, p) for p in connections)
    idle = ((since_s, id(p), p) for since_s, p in found if since_s is not None)
    return [protocol for _, _, protocol in heapq.nsmallest(CANDIDATES, idle)]
