"""
A call as steps: requests to send, pauses to make, and the result.

A call is a generator. It yields a `Send` or a `Pause`; a session, blocking or asynchronous, does
it and sends back the outcome. So the rules of `calls` are written once for both kinds of client,
and are tested without a clock, a socket or a sleep.
"""

from collections.abc import Generator
from typing import Generic, NamedTuple, TypeVar

from fff_client.errors import ServiceError
from fff_client.messages import Request, Response

T = TypeVar("T")


class Send(NamedTuple):
    """Send the request; the outcome is its response, or the error if none came by the deadline."""

    request: Request
    deadline_s: float


class Pause(NamedTuple):
    """Wait; the outcome is None."""

    seconds: float


class Done(NamedTuple, Generic[T]):
    """No step is left."""

    result: T


Step = Send | Pause
Outcome = Response | ServiceError | None
Steps = Generator[Step, Outcome, T]


def advance(steps: Steps[T], outcome: Outcome = None) -> Step | Done[T]:
    """Take a call to its next step; `outcome` is the last one's, and None before the first."""
    try:
        return steps.send(outcome)
    except StopIteration as end:
        return Done(end.value)
