"""A request on its way through the service, and what it gets."""

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float32] | npt.NDArray[np.int32]
"""
A request's input: numbers, `[r, i]`, or token ids, `[r, t]`, with `networks.ragged.NO_TOKEN` behind
the last of each row.
"""


class Answer(NamedTuple):
    """
    What a request gets.

    Attributes:
        logits: `[r, o]`, float32; `[r, t, o]` of a network that answers for each token, 0 where
            there is none.
        leaf: `[r, layers]`, int32; or `[r, layers, t]`, of the tokens of a network.
        margin: As many, float32.
        queue_s: Seconds until its batch started.
        compute_s: Seconds its batch took.
        batch_rows: Rows of that batch, its own and others'.
    """

    logits: npt.NDArray[np.float32]
    leaf: npt.NDArray[np.int32]
    margin: npt.NDArray[np.float32]
    queue_s: float
    compute_s: float
    batch_rows: int


@dataclass(slots=True, eq=False)
class Job:
    """
    A request on its way; NaN and infinity in `x` are refused here.

    Attributes:
        x: At least one row.
        future: Gets the answer or the error; whoever stops waiting cancels it.
        timed: It wants a batch of its own, to be timed, and is counted nowhere: its rows have been
            computed before.
        observed: Whether leaf statistics count its rows; not, where the request asks for that.
        request_id: Of the request it belongs to, for the log.
        tokens: What it costs: by default a token a row.
        rows: How many `x` has.
    """

    x: Rows
    future: asyncio.Future[Answer]
    arrived_s: float
    deadline_s: float = float("inf")
    timed: bool = False
    observed: bool = True
    request_id: bytes = b""
    tokens: int = 0
    rows: int = field(init=False)

    def __post_init__(self) -> None:
        self.rows = len(self.x)
        if not self.tokens:
            self.tokens = self.rows

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits any more: its client has left, or a stop has given it up."""
        return self.future.done()


JobResult = tuple[Job, Answer | Exception]
"""A job, and its answer or what went wrong."""
