"""
Which requests are accepted: while the service is ready, and as long as there is room.

Covered:      the states of the service; what is refused, and why in words.
Not covered:  what becomes of what is accepted (`engine`, `worker`).
"""

import math
from typing import Literal

from service.engine.batcher import Batcher
from service.errors import Overloaded, TooLarge, Unavailable
from service.job import Job

State = Literal["starting", "ready", "terminating", "draining", "failed"]
"""
Of the service; none goes back to one before it. `terminating` is the drain delay: not ready, so
that a balancer sends nothing more, but serving. `failed` is a lost device.
"""

ACCEPTING: frozenset[State] = frozenset({"ready", "terminating"})

_NOT_READY: dict[State, str] = {
    "starting": "is starting",
    "terminating": "is about to stop",
    "draining": "is draining",
    "failed": "has lost its device and ends",
}
NOT_ACCEPTED = "no new requests are accepted"
STILL_ACCEPTED = "requests are still accepted, but not for long"


def unavailable(state: State, consequence: str) -> Unavailable:
    """Say why a service that is not ready does not do something."""
    return Unavailable(f"the service {_NOT_READY[state]}: {consequence}")


def not_ready(state: State) -> Unavailable:
    """Say why a service is not ready, and whether it takes requests all the same."""
    return unavailable(state, STILL_ACCEPTED if state in ACCEPTING else NOT_ACCEPTED)


def require_room(batcher: Batcher[Job], rows: int, tokens: int, tokens_per_s: float) -> None:
    """
    Refuse rows that do not fit.

    Args:
        batcher: Of the model; has both limits.
        rows: Of the request.
        tokens: What they cost; as many as rows, but of texts.
        tokens_per_s: That the model has computed of late; 0 before the first batch.

    Raises:
        TooLarge: More than a batch.
        Overloaded: More than there is room for; says when to come back.
    """
    if tokens > batcher.max_batch_tokens:
        raise TooLarge(
            f"a request may hold at most {batcher.max_batch_tokens} {_unit(rows, tokens)}, "
            f"got {tokens}"
        )
    if not batcher.fits(tokens):
        waiting = batcher.queued_tokens
        raise Overloaded(
            f"the queue holds {waiting} of at most {batcher.max_queue_tokens} "
            f"{_unit(rows, tokens)}, {tokens} more do not fit",
            retry_after_s=_seconds_for(waiting, tokens_per_s),
        )


def _unit(rows: int, tokens: int) -> str:
    """Name what is counted."""
    return "rows" if rows == tokens else "tokens, lengths rounded up to 8, 16, 24, 32, 40 and so on"


def _seconds_for(tokens: int, tokens_per_s: float) -> int:
    # Before the first batch the rate is not known: a second, as for a service that starts.
    return max(1, math.ceil(tokens / tokens_per_s)) if tokens_per_s else 1
