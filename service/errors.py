"""
What can go wrong with a request, and the one table of what each becomes over HTTP and gRPC.

ServiceError
├── InvalidInput         the request is malformed; says what was expected and what came
├── LoadFailed           a model of the store that does not pass its checks, or cannot run here
│   ├── NotEnoughMemory  … for want of memory, which others may give back
│   └── StoreAway        … because a remote store does not answer
├── KeyRequired          an administrator's call without the right key
├── AdminDisabled        an administrator's call where no key is configured
├── ModelNotServed       no such model or version here
├── TooLarge             more bytes or rows than are accepted
├── Overloaded           the queue is full; carries when to come back
├── BodiesFull           bodies of other requests take all the room there is for bodies
├── Unavailable          starting up, draining before the stop, or without its device
├── DeadlinePassed       the request's own timeout ended while it waited
├── Disconnected         the client left while its rows were queued
└── ComputeFailed        our fault; details are in the log, not in the answer
"""

from reprlib import Repr
from typing import NamedTuple

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 80


def short_repr(value: object) -> str:
    """What a client sent, as an error tells it: short, however much it is and however deep."""
    return _SHORT.repr(value)


def let_go_of_frames(error: BaseException | None) -> None:
    """
    Forget where an error and those before it came from.

    Its frames hold the request and its body. Whoever keeps the error in the request makes a circle
    of that, which lasts until the collector comes by, many megabytes later.
    """
    while error is not None:
        error.__traceback__ = None
        error = error.__context__


class ServiceError(Exception):
    """
    Base of everything that is answered with an error.

    Attributes:
        rejection: Reason label of `fff_rejected_total`, or None where nothing was rejected.
        retry_after_s: When trying again makes sense, in seconds, or None.
    """

    rejection: str | None = None
    retry_after_s: int | None = None


class InvalidInput(ServiceError):
    """The request is malformed."""

    rejection = "invalid"


class LoadFailed(ServiceError):
    """A model that cannot be loaded from the store; what was served before still is."""


class NotEnoughMemory(LoadFailed):
    """A model that there is no room for beside what is served."""

    retry_after_s = 60  # a guess: somebody has to unload another one


class StoreAway(LoadFailed):
    """A model whose store, a remote one, does not answer."""

    retry_after_s = 10  # a guess: a server that is started again takes some seconds


class KeyRequired(ServiceError):
    """No key came with an administrator's call, or a wrong one."""


class AdminDisabled(ServiceError):
    """No administrator's key is configured, so nobody can have the right one."""


class ModelNotServed(ServiceError):
    """No such model or version here."""


class TooLarge(ServiceError):
    """More bytes or rows than are accepted."""

    rejection = "too_large"


class Overloaded(ServiceError):
    """The queue is full."""

    rejection = "overloaded"

    def __init__(self, message: str, retry_after_s: int):
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BodiesFull(ServiceError):
    """Bodies of other requests take all the room that there is for bodies."""

    rejection = "overloaded"
    retry_after_s = 1  # a large body takes about that long to come and be parsed


class Unavailable(ServiceError):
    """Starting up, draining before the stop, or without its device."""

    rejection = "draining"
    retry_after_s = 1  # start-up and restart of a small store take about a second


class DeadlinePassed(ServiceError):
    """The request's own timeout ended while it waited."""

    rejection = "deadline"


class Disconnected(ServiceError):
    """The client left while its rows were queued; nobody reads the answer."""

    rejection = "disconnect"


class ComputeFailed(ServiceError):
    """Our fault."""


class Status(NamedTuple):
    """What a request ends with: an HTTP status, and the name of a gRPC status code."""

    http: int
    grpc: str


OK = Status(200, "OK")
STATUS: dict[type[ServiceError], Status] = {
    InvalidInput: Status(400, "INVALID_ARGUMENT"),
    LoadFailed: Status(400, "INVALID_ARGUMENT"),
    KeyRequired: Status(401, "UNAUTHENTICATED"),
    AdminDisabled: Status(403, "PERMISSION_DENIED"),
    ModelNotServed: Status(404, "NOT_FOUND"),
    # Not RESOURCE_EXHAUSTED, which clients retry: this request will never fit. (A message beyond
    # the bound in bytes gets that code all the same, from grpc itself, before it is read.)
    TooLarge: Status(413, "INVALID_ARGUMENT"),
    Overloaded: Status(429, "RESOURCE_EXHAUSTED"),
    Disconnected: Status(499, "CANCELLED"),  # nginx's code; seen in metrics only
    ComputeFailed: Status(500, "INTERNAL"),
    NotEnoughMemory: Status(503, "RESOURCE_EXHAUSTED"),
    StoreAway: Status(503, "UNAVAILABLE"),
    BodiesFull: Status(503, "RESOURCE_EXHAUSTED"),
    Unavailable: Status(503, "UNAVAILABLE"),
    DeadlinePassed: Status(504, "DEADLINE_EXCEEDED"),
}

INTERNAL_ERROR = "internal error; the service's log says more"
"""What a client reads of our own faults."""


def status_of(error: ServiceError | None) -> Status:
    """What a request ends with that this error ended, or none."""
    return OK if error is None else STATUS[type(error)]
