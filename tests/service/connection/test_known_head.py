"""The law: what is not parsed again is what the parser would have found."""

import json
import random
import re

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.connection.known_head import REMEMBERED_BYTES, known_head
from service.http.fast_path import FastPathProtocol
from tests.service import toys
from tests.service.connection.wire import GOOD, PREDICT, Connection, exchange, request

FIRST = b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nA: b\r\n\r\n0123456789"


class Parsed:
    """What httptools makes of bytes; `whole` only if they are one request and nothing more."""

    def __init__(self, data: bytes):
        self.url, self.body = b"", b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.begun = self.complete = 0
        parser = httptools.HttpRequestParser(self)
        try:
            parser.feed_data(data)
        except httptools.HttpParserError:
            self.complete = -1
        self.whole = self.begun == self.complete == 1
        self.method, self.version = parser.get_method(), parser.get_http_version()

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete += 1

    @property
    def said(self) -> tuple[object, ...]:
        others = [field for field in self.headers if field[0].lower() != b"content-length"]
        return self.method, self.url, self.version, others


PIECE = st.sampled_from(
    [b"", b"0", b"1", b"9", b" ", b"\r\n", b":", b"-", b"+", b"_", b"\xb2", b"x"]
)


@given(st.lists(st.tuples(st.integers(0, len(FIRST)), st.integers(0, 3), PIECE), max_size=3))
@example([(FIRST.index(b"10\r"), 2, b"9"), (len(FIRST), 1, b"")])
def test_a_request_that_is_known_is_parsed_to_the_same_head_and_the_same_body(changes):
    known, first, data = known_head(FIRST), Parsed(FIRST), FIRST
    for at, gone, put in changes:
        data = data[:at] + put + data[at + gone :]
    assert known is not None

    body = known.body_of(data)

    if body is not None:
        parsed = Parsed(data)
        assert parsed.whole
        assert parsed.said == first.said
        assert parsed.body == body


@pytest.mark.parametrize("size", [0, 1, 9, 10, 1234, 100_000])
def test_a_request_that_differs_in_its_body_is_known(size: int):
    known = known_head(FIRST)
    body = random.Random(size).randbytes(size)
    assert known is not None

    data = FIRST.partition(b"10\r\n")[0] + b"%d\r\nA: b\r\n\r\n" % size + body

    assert known.body_of(data) == body
    assert known.body_of(data + b"x") is None
    assert not size or known.body_of(data[:-1]) is None


def test_a_head_that_is_long_or_has_no_length_is_not_remembered():
    assert known_head(request("POST", "/p", body=b"", chunks=1)) is None
    assert known_head(request("POST", "/p", "A: " + "b" * REMEMBERED_BYTES, body=b"x")) is None


async def test_what_follows_a_known_head_is_answered_as_by_uvicorns_protocol(toy):
    """Whether it is known, nearly known, cut, or more than one request."""
    app, _ = toy
    two = json.dumps({"inputs": [[0.5] * toys.WIDTH, [0.25] * toys.WIDTH]}).encode()
    first, other, broken, nearly = [
        request("POST", PREDICT, f"x-request-id: {name}", body=body)
        for name, body in (("mine", GOOD), ("mine", two), ("mine", b"{"), ("time", GOOD))
    ]
    got = request("GET", "/v2", "x-request-id: mine")
    for then in ([first], [other], [broken], [nearly], [got, first], [first[:9], first[9:]],
                 [first + other], [other + first[:-1], first[-1:]], [broken, first, other],
                 [first[:-1] + b"\0"], [first.replace(b"HTTP/1.1", b"HTTP/1.0")]):  # fmt: skip
        ours, stock = [
            re.sub(rb"dur=[\d.]+", b"dur=0", await exchange(kind, app, [first, *then]))
            for kind in (FastPathProtocol, HttpToolsProtocol)
        ]
        assert ours == stock


async def test_a_known_head_is_not_parsed_again(toy):
    connection = Connection(FastPathProtocol, toy[0])
    await connection.send([request("POST", PREDICT, body=GOOD)])
    await connection.answers()
    connection.protocol.parser = None

    await connection.send([request("POST", PREDICT, body=GOOD + b" " * 100)])

    assert (await connection.answers()).count(b"HTTP/1.1 200 OK") == 2
    await connection.leave()
