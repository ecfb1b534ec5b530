"""
How long a connection may be silent or slow before it is closed.

Every five seconds each connection is looked at, and compared with what it was before: a request
costs nothing for it, and a limit is kept to five seconds.

Covered:      connections without a request, heads, bodies, answers; connections kept alive.
Not covered:  how long an answer is computed; how many connections there may be; what is done with
              a connection that is out of time (`refusing`).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

HEAD_S = 20.0
"""For a request's head, from its first byte to its last, and for a first request to begin. As
Apache's mod_reqtimeout; nginx and Node give 60, hyper and Go's examples 30 and less."""
WINDOW_S = 20.0
"""In each of these a body or an answer must get on by `WINDOW_BYTES`, or end."""
WINDOW_BYTES = 10_000
"""500 a second, Apache's number: a tenth of the slowest telephone line."""
LINGER_S = 5.0
"""For a refused client to read why, while what it still sends is dropped; as nginx."""
LOOK_S = 5.0
"""10,000 connections cost 2,000 looks a second, 0.4 % of a core at 2 us."""

Phase = Enum("Phase", ["IDLE", "HEAD", "BODY", "ANSWER", "REFUSED"])
Verdict = Literal["silent", "idle", "slow_head", "slow_body", "slow_reader", "refused"]


@dataclass(slots=True, frozen=True)
class Look:
    """
    What is seen of a connection at one time.

    Attributes:
        phase: What is waited for: a request, the rest of its head, of its body, its answer, the
            end of a refused connection.
        requests: How many have begun.
        received: Bytes, since the connection was made.
        sent: Bytes that the system has taken, likewise.
        unsent: Bytes that it has not taken yet, for its own buffer is full.
        paused: Whether nothing is read at the moment, for what has come is not used yet.
    """

    phase: Phase
    requests: int
    received: int
    sent: int
    unsent: int
    paused: bool


class _Progress:
    """Whether bytes move."""

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._bytes = 0

    def stop(self) -> None:
        """Expect nothing."""
        self._since_s = None

    def stalled(self, now_s: float, moved: int) -> bool:
        """Whether a window has ended in which too few bytes moved; the first call begins one."""
        if self._since_s is not None and now_s < self._since_s + WINDOW_S:
            return False
        few = self._since_s is not None and moved < self._bytes + WINDOW_BYTES
        self._since_s, self._bytes = now_s, moved
        return few


class Patience:
    """
    Decides from one look to the next.

    Args:
        now_s: When the connection was made.
        keep_alive_s: How long a connection may be idle between two requests.
    """

    def __init__(self, now_s: float, keep_alive_s: float):
        self._keep_alive_s = keep_alive_s
        self._seen = (Phase.IDLE, 0)
        self._since_s = now_s
        self._body, self._answer = _Progress(), _Progress()

    def verdict(self, now_s: float, look: Look) -> Verdict | None:
        """What the connection is to be closed for; None if it may stay."""
        if (look.phase, look.requests) != self._seen:
            self._seen, self._since_s = (look.phase, look.requests), now_s
            self._body.stop()
        if not look.unsent:
            self._answer.stop()
        elif self._answer.stalled(now_s, look.sent):
            return "slow_reader"
        return self._of_phase(now_s, now_s - self._since_s, look)

    def _of_phase(self, now_s: float, waited_s: float, look: Look) -> Verdict | None:
        match look.phase:
            case Phase.IDLE if not look.requests:
                return "silent" if waited_s >= HEAD_S else None
            case Phase.IDLE:
                return "idle" if waited_s >= self._keep_alive_s else None
            case Phase.HEAD:
                return "slow_head" if waited_s >= HEAD_S else None
            case Phase.REFUSED:
                return "refused" if waited_s >= LINGER_S else None
            case Phase.BODY if look.paused:
                self._body.stop()
            case Phase.BODY if self._body.stalled(now_s, look.received):
                return "slow_body"
        return None
