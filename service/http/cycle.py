"""A plain prediction under way on its connection."""

import asyncio

from service.http.body import HeldBytes
from service.http.prediction import HttpPrediction
from service.job import Answer


class _NoEvent:
    """An event that nobody waits for."""

    def set(self) -> None:
        """Do nothing."""


_NO_EVENT = _NoEvent()


class PredictionCycle:
    """
    A prediction under way, where uvicorn keeps its own; it sees to the connection by these names.

    Args:
        prediction: As it was begun.
        length: Bytes of the body, whole.

    Attributes:
        computing: Its answer, once it waits for one.
        held: Counts what has come of a body that does not come at once.
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
        "response_complete",
        "whole",
    )

    message_event = _NO_EVENT
    long: "asyncio.Task[None]"

    def __init__(self, prediction: HttpPrediction, length: int):
        self.prediction, self.length = prediction, length
        self.body: list[bytes] = []
        self.computing: asyncio.Future[Answer] | None = None
        self.held: HeldBytes | None = None
        self.disconnected = self.response_complete = self.whole = False
        self.keep_alive = True
