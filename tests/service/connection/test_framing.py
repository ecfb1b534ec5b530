"""What a request may take beside its body, and that no more of it is kept."""

import pytest

from service.connection.framing import (
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_OVERHEAD_BYTES,
    MAX_URL_BYTES,
)
from service.http import prediction
from service.http.fast_path import FastPathProtocol
from tests.service.connection.small_app import SmallApp, turns
from tests.service.connection.wire import Connection, asked, request, said

CHUNKED = request("POST", "/echo", "Transfer-Encoding: chunked")


def with_url(size: int) -> bytes:
    return request("GET", "/" * (size - len("/echo")) + "/echo")


def with_head(size: int) -> bytes:
    bare = len(request("GET", "/echo", "A: "))
    return request("GET", "/echo", "A: " + "b" * (size - bare))


def with_headers(count: int) -> bytes:
    return request("GET", "/echo", *(f"A{k}: b" for k in range(count - 1)))  # and Host


def with_extension(size: int) -> bytes:
    return CHUNKED + b"1;" + b"a" * (size - 16) + b"\r\nx\r\n0\r\n\r\n"


def with_extensions(count: int) -> bytes:
    return CHUNKED + (b"1;" + b"a" * 32 + b"\r\nx\r\n") * count + b"0\r\n\r\n"


def with_trailers(size: int) -> bytes:
    return CHUNKED + b"1\r\nx\r\n0\r\n" + b"A: b\r\n" * (size // 6) + b"\r\n"


BOUNDS = {
    "url": (with_url, MAX_URL_BYTES, MAX_URL_BYTES + 1, 414),
    "head": (with_head, MAX_HEAD_BYTES, MAX_HEAD_BYTES + 1, 431),
    "headers": (with_headers, MAX_HEADERS, MAX_HEADERS + 1, 431),
    "one-extension": (with_extension, MAX_OVERHEAD_BYTES, MAX_OVERHEAD_BYTES + 100, 431),
    "extensions": (with_extensions, 500, MAX_OVERHEAD_BYTES // 18 + 1, 431),
    "trailers": (with_trailers, MAX_OVERHEAD_BYTES - 100, MAX_OVERHEAD_BYTES + 100, 431),
}


@pytest.mark.parametrize("size", [1, 1000, 10**9])
@pytest.mark.parametrize("bound", BOUNDS)
async def test_what_is_within_a_bound_is_taken_and_what_is_beyond_is_told_so(bound, size):
    """However it is cut."""
    made, most, more, status = BOUNDS[bound]

    def cut(stream: bytes) -> list[bytes]:
        return [stream[k : k + size] for k in range(0, len(stream), size)]

    app = SmallApp()
    assert (await asked(app, *cut(made(most)))).startswith(b"HTTP/1.1 200 OK")
    assert app.closed("too_large") == 0

    refused = await asked(app, *cut(made(more)))

    assert refused.startswith(b"HTTP/1.1 %d " % status)
    assert "at most" in said(refused)
    assert app.closed("too_large") == 1


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nHost: a\r\nA: ",
        CHUNKED + b"1;",
        CHUNKED + b"0\r\nA: ",
        b"\r\n",
    ],
)
async def test_of_what_has_no_end_no_more_than_the_bound_is_read(begin: bytes):
    """What still comes is read, so that the client gets to the answer, and dropped."""
    connection = Connection(FastPathProtocol, SmallApp())
    connection.protocol.data_received(begin)
    more = b"\r\n" * 1000 if begin == b"\r\n" else b"a" * 2000
    while not connection.over:
        connection.protocol.data_received(more)
        await turns(2)
    assert connection.protocol.received <= len(begin) + MAX_HEAD_BYTES + len(more)
    connection.protocol.data_received(more)
    assert connection.protocol._held == b""
    assert not connection.wire.paused
    await connection.leave()


async def test_a_body_in_chunks_of_one_byte_is_a_body():
    body = CHUNKED + b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n"
    assert (await asked(SmallApp(), body)).endswith(b"x" * 20_000 + b"<kept>")


async def test_trailers_are_no_headers(toy):
    """An id in a trailer names nothing."""
    body = request("POST", "/v1/models/toy/predict", "x-request-id: mine", body=b"{}", chunks=1)
    sent = await asked(toy[0], body.replace(b"Last: one", b"x-request-id: other"))
    assert b"x-request-id: mine\r\n" in sent


def test_only_short_paths_are_remembered():
    prediction._target_of.cache_clear()
    for k in range(10):
        path = f"/v1/models/{'m' * (200 if k % 2 else 300)}{k}/predict"
        target = prediction.target_of(path)
        assert target is not None
        assert target.name.endswith(str(k))
    assert prediction._target_of.cache_info().currsize == 5
