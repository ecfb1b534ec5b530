"""One request of a connection at a time, whatever comes meanwhile and however it ends."""

import asyncio
import json
import logging

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.http.fast_path import FastPathProtocol
from service.request_id import current
from tests.service.grpc.toys import Held, rejected, requests, until
from tests.service.http.test_fast_path import listening
from tests.service.http.test_same_bytes import GOOD, request
from tests.service.http.wire import Connection, SmallApp, exchange, turns

PREDICT = "/v1/models/toy/predict"
OFFERS = ["h2c", "TLS/1.0", "websocket"]


async def asked(app, *pieces: bytes) -> bytes:
    return await exchange(FastPathProtocol, app, pieces)


def said(sent: bytes) -> str:
    """The error of the last answer."""
    head, _, rest = sent.rpartition(b"\r\n\r\n")
    body, _, end = rest.rpartition(b"<")
    assert b"content-length: %d\r\n" % len(body) in head
    assert b"connection: close" in head
    assert end == b"closed>"
    text: str = json.loads(body)["error"]
    return text


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


async def test_a_request_is_begun_when_the_former_is_answered():
    """The application never has two of one connection; of what waits, one read is kept."""
    app, running, most = SmallApp(), 0, 0

    class Counting(SmallApp):
        async def __call__(self, scope, receive, send):
            nonlocal running, most
            running += 1
            most = max(most, running)
            await app(scope, receive, send)
            running -= 1

    connection = Connection(FastPathProtocol, Counting())
    connection.protocol.data_received(request("GET", "/streamed") * 300)
    assert connection.wire.paused
    sent = await connection.answers()
    await connection.leave()

    assert (sent.count(b"HTTP/1.1 200 OK"), len(app.asked), most) == (300, 300, 1)
    assert not connection.wire.paused


async def test_a_waiting_application_has_nothing_more_read(toy):
    """It asks for more of its request, to see whether its client leaves; that is not read on."""
    app, _ = toy
    held = Held(app.state.engine.model("toy"))
    connection = Connection(FastPathProtocol, app)
    connection.protocol.data_received(request("POST", "/v1/models/toy/explain", body=GOOD) * 2)
    await until(lambda: app.state.engine.accepted == 1)
    await turns(10)
    paused = connection.wire.paused
    held.go.set()
    sent = await connection.answers()
    await connection.leave()

    assert paused
    assert sent.count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize("path", ["/echo", "/streamed", PREDICT])
async def test_a_good_request_is_answered_before_the_broken_one_behind_it(toy, path):
    app = toy[0] if path == PREDICT else SmallApp()
    good = request("POST", path, body=GOOD)

    sent = await asked(app, good + b"hello\r\n\r\n" + good)

    assert sent.startswith(b"HTTP/1.1 200 OK")
    assert sent.count(b"HTTP/1.1 200") == 1
    assert said(sent) == "expected an HTTP/1.1 request, got something else"


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


@pytest.mark.parametrize("kind", ["echo", "streamed", "long"])
async def test_a_client_that_has_sent_all_it_will_is_answered(kind):
    """Every request of a pipeline; then the connection is closed."""
    connection = Connection(FastPathProtocol, SmallApp())
    connection.protocol.data_received(request("GET", f"/{kind}") * 3 + b"GET /half")
    kept = connection.protocol.eof_received()
    sent = await connection.answers()
    await until(lambda: connection.over)
    await connection.leave()

    assert kept
    assert sent.count(b"HTTP/1.1 200 OK") == 3


async def test_a_client_that_ends_amid_a_request_is_gone():
    for stream in (b"", b"GET /echo HT", request("POST", "/echo", body=b"hello")[:-1]):
        connection = Connection(FastPathProtocol, SmallApp())
        await connection.send([stream] if stream else [])
        assert not connection.protocol.eof_received()
        await connection.leave()


@pytest.mark.parametrize("path", [PREDICT, "/v1/models/toy/explain", "/v1/compare"])
@pytest.mark.parametrize("chunks", [0, 1])
async def test_what_is_computed_for_a_half_closed_client_is_sent(toy_store, path, chunks):
    async with listening(store=toy_store.root) as (app, port):
        held = Held(app.state.engine.model("toy"))
        body = json.dumps(json.loads(GOOD) | ({"model": "toy"} if "compare" in path else {}))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("POST", path, body=body.encode(), chunks=chunks))
        writer.write_eof()
        await until(lambda: app.state.engine.accepted == 1)
        await turns(20)
        held.go.set()
        sent = await reader.read()
        writer.close()

    assert sent.startswith(b"HTTP/1.1 200 OK")


async def test_of_two_ids_the_last_counts_on_every_way(toy):
    app, _ = toy
    ids = ("x-request-id: first", "x-request-id: last")
    for path, chunks in ((PREDICT, 0), (PREDICT, 1), ("/v1/models", 0)):
        method = "GET" if path == "/v1/models" else "POST"
        sent = await asked(app, request(method, path, *ids, body=GOOD, chunks=chunks))
        assert sent.count(b"x-request-id") == 1
        assert b"x-request-id: last\r\n" in sent


async def test_what_is_logged_of_one_client_carries_no_other_clients_id(toy, caplog):
    app, _ = toy
    seen: list[bytes] = []

    def see(record: logging.LogRecord) -> bool:
        seen.append(current())
        return True

    caplog.handler.addFilter(see)
    with caplog.at_level(logging.INFO):
        await asked(app, request("POST", PREDICT, "x-request-id: mine", body=GOOD))
        await asked(app, b"hello")

    assert "refused a connection" in caplog.text
    assert set(seen) == {b""}


async def test_a_client_that_leaves_amid_its_body_is_counted_on_both_ways(toy):
    app, _ = toy
    engine = app.state.engine
    for chunks in (0, 1):
        connection = Connection(FastPathProtocol, app)
        await connection.send([request("POST", PREDICT, body=GOOD, chunks=chunks)[:-9]])
        await connection.leave()

    assert requests(engine, 499) == 2
    assert rejected(engine, "disconnect") == 2
