"""
The file system of each scheme, with bounds on how long it may be waited for.

Credentials are taken by these libraries from their usual places: AWS_* variables, profiles and
roles; HF_TOKEN or a login. So is another address: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or
FSSPEC_S3_ENDPOINT_URL; HF_ENDPOINT.
"""

import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from fsspec import AbstractFileSystem

if TYPE_CHECKING:
    from httpx2 import Client, Request

CONNECT_S, READ_S = 5.0, 15.0
ATTEMPTS = 3
"""Of one question to S3; with the bounds above, a server that hangs is given up after a minute."""
QUESTION_S = 45.0
"""For a question to the hub, whose library makes six attempts and waits between them."""


class _Question(threading.local):
    """What this thread asks of the hub now."""

    ends_at = float("inf")  # monotonic seconds


_question = _Question()


def begin_question() -> None:
    """Count what this thread asks from now on as one question, with a bound of its own."""
    _question.ends_at = monotonic() + QUESTION_S


def for_scheme(scheme: str) -> Callable[[], AbstractFileSystem]:
    """
    How the file system for the next question is got.

    Raises:
        ModuleNotFoundError: Its package is not installed.
    """
    if scheme == "hf":
        _bound_requests()
        return _hub
    opened = _s3()
    return lambda: opened


def _s3() -> AbstractFileSystem:
    import s3fs

    opened = s3fs.S3FileSystem(
        config_kwargs={
            "connect_timeout": CONNECT_S,
            "read_timeout": READ_S,
            "retries": {"total_max_attempts": 1},  # s3fs tries again itself
        },
        use_listings_cache=False,  # what is in a store is always asked
        skip_instance_cache=True,
    )
    opened.retries = ATTEMPTS
    return opened


def _hub() -> AbstractFileSystem:
    """A new one a question: it remembers what it has seen, and belongs to one thread."""
    from huggingface_hub import HfFileSystem

    return HfFileSystem(skip_instance_cache=True)


def _bound_requests() -> None:
    """Bound what the hub's library waits for, whichever client it makes."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    def client() -> "Client":
        made = default_client_factory()
        made.event_hooks["request"].append(_bound)
        return made

    set_client_factory(client)
    # Else two lines an attempt; the last failure is told by us.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)


def _bound(request: "Request") -> None:
    """
    Bound a request to the hub; some of its library's calls would wait for ever.

    Raises:
        TimeoutError: The question that it belongs to has taken its time; it is not tried again.
    """
    left = _question.ends_at - monotonic()
    if left <= 0:
        raise TimeoutError(f"no answer within {QUESTION_S:g} s")
    most = min(READ_S, left)
    request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), most)
