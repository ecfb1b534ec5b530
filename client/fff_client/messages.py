"""HTTP requests and responses as plain values, apart from the library that sends them."""

from collections.abc import Mapping
from typing import NamedTuple


class Request(NamedTuple):
    """An HTTP request; `path` is relative to the service's URL and begins with a slash."""

    method: str
    path: str
    content: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Response(NamedTuple):
    """A complete HTTP response; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
