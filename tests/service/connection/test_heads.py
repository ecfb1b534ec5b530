"""Heads that could be taken for something else: refused, or read as what they are."""

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tests.service.connection.small_app import SmallApp
from tests.service.connection.wire import GOOD, PREDICT, asked, exchange, request, said

OFFERS = ["h2c", "TLS/1.0", "websocket"]


@pytest.mark.parametrize("path", ["/echo", PREDICT])
@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("chunks", [0, 2])
async def test_an_offer_to_upgrade_is_as_if_it_were_not_made(toy, path, offer, chunks):
    """Cut anywhere, and with a request behind it."""
    app = SmallApp() if path == "/echo" else toy[0]
    offered = ("Connection: Upgrade, HTTP2-Settings", f"Upgrade: {offer}", "HTTP2-Settings: x")
    last = request("GET", "/empty" if path == "/echo" else "/healthz", "x-request-id: b")
    plain = request("POST", path, "x-request-id: a", body=GOOD, chunks=chunks) + last
    stream = request("POST", path, "x-request-id: a", *offered, body=GOOD, chunks=chunks) + last

    def timeless(sent: bytes) -> bytes:
        return b"".join(line for line in sent.splitlines(True) if b"server-timing" not in line)

    wanted = timeless(await asked(app, plain))
    assert wanted.count(b"HTTP/1.1 200 OK") == 2
    assert timeless(await asked(app, stream)) == wanted
    assert timeless(await asked(app, *(stream[k : k + 1] for k in range(len(stream))))) == wanted
    for cut in range(1, len(stream), 7):
        assert timeless(await asked(app, stream[:cut], stream[cut:])) == wanted


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_an_offer_without_a_body_loses_nothing_that_follows(method):
    offered = request(method, "/echo", "Connection: upgrade", "Upgrade: h2c")
    plain, last = request(method, "/echo"), request("GET", "/early")
    assert await asked(SmallApp(), offered + last) == await asked(SmallApp(), plain + last)


async def test_a_proxys_method_is_refused():
    sent = await asked(SmallApp(), b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (sent[:12], said(sent)) == (
        b"HTTP/1.1 400",
        "this is no proxy: it does not take CONNECT",
    )


BROKEN = {
    "nonsense": b"hello",
    "tls": b"\x16\x03\x01\x02\x00\x01",
    "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no-path": b"GET http://toy HTTP/1.1\r\nHost: toy\r\n\r\n",
    "folded": request("GET", "/echo", "A: b\r\n c"),
    "bare-lf": request("GET", "/echo").replace(b"\r\n", b"\n"),
    "space-before-colon": request("GET", "/echo", "A : b"),
    "two-lengths": request("POST", "/echo", "Content-Length: 5", body=b"hello!"),
    "the-same-length-twice": request("POST", "/echo", "Content-Length: 6", body=b"hello!"),
    "length-and-chunks": request("POST", "/echo", "Content-Length: 5", body=b"hello", chunks=1),
    "signed-length": request("POST", "/echo", "Content-Length: +5") + b"hello",
    "list-of-lengths": request("POST", "/echo", "Content-Length: 5, 5") + b"hello",
    "coding-after-chunks": request("POST", "/echo", "Transfer-Encoding: chunked, gzip") + b"0\r\n",
    "unknown-coding": request("POST", "/echo", "Transfer-Encoding: identity") + b"hello",
    "chunk-too-long": request("POST", "/echo", "Transfer-Encoding: chunked") + b"1\r\nab\r\n0\r\n",
    "chunk-without-size": request("POST", "/echo", "Transfer-Encoding: chunked") + b"\r\n0\r\n\r\n",
    "chunk-bare-lf": request("POST", "/echo", "Transfer-Encoding: chunked") + b"1\na\n0\n\n",
}


@pytest.mark.parametrize("path", ["/echo", PREDICT])
@pytest.mark.parametrize("broken", BROKEN)
async def test_what_could_be_read_in_two_ways_is_refused(toy, path, broken):
    """By itself and cut anywhere; uvicorn's own protocol reads it in no third way."""
    app = toy[0] if path == PREDICT else SmallApp()
    stream = BROKEN[broken].replace(b"/echo", path.encode())
    for parts in ([stream], [stream[k : k + 1] for k in range(len(stream))]):
        sent = await asked(app, *parts)
        assert (sent[:12], bool(said(sent))) == (b"HTTP/1.1 400", True)
    stock = await exchange(HttpToolsProtocol, app, [stream])
    assert stock.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("path", ["/echo", PREDICT])
@pytest.mark.parametrize("hosts", [0, 2])
async def test_a_request_has_one_host(toy, path, hosts):
    app = toy[0] if path == PREDICT else SmallApp()
    stream = request("POST", path, body=GOOD).replace(b"Host: toy\r\n", b"Host: toy\r\n" * hosts)

    sent = await asked(app, stream)

    assert sent.startswith(b"HTTP/1.1 400")
    assert said(sent) == f"an HTTP/1.1 request must have one Host header, got {hosts}"


async def test_a_length_of_endless_digits_is_refused():
    sent = await asked(SmallApp(), request("POST", "/echo", f"Content-Length: {5:05000}"))
    assert said(sent) == "Content-Length may have at most 20 digits, got 5000"


async def test_http_1_0_needs_no_host():
    sent = await asked(SmallApp(), b"GET /echo HTTP/1.0\r\n\r\n")
    assert sent.startswith(b"HTTP/1.1 200 OK")
