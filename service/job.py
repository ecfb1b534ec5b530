"""A request on its way through the service, and what it gets."""

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Answer(NamedTuple):
    """
    What a request gets.

    Attributes:
        logits: `[r, o]`, float32.
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
    A request on its way: `x` is `[rows, i]`, float32; NaN and infinity are refused here.

    Attributes:
        future: Gets the answer or the error; whoever stops waiting cancels it.
        timed: It wants a batch of its own, to be timed, and is counted nowhere: its rows have been
            computed before.
        observed: Whether leaf statistics count its rows; not, where the request asks for that.
        request_id: Of the request it belongs to, for the log.
        rows: How many `x` has.
    """

    x: npt.NDArray[np.float32]
    future: asyncio.Future[Answer]
    arrived_s: float
    deadline_s: float = float("inf")
    timed: bool = False
    observed: bool = True
    request_id: bytes = b""
    rows: int = field(init=False)

    def __post_init__(self) -> None:
        self.rows = len(self.x)

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits any more: its client has left, or a stop has given it up."""
        return self.future.done()


JobResult = tuple[Job, Answer | Exception]
"""A job, and its answer or what went wrong."""
