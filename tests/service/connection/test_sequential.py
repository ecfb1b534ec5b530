"""One request of a connection at a time, whatever comes meanwhile and however it ends."""

import asyncio
import json
import logging

import pytest

from service.http.fast_path import FastPathProtocol
from service.request_id import current
from tests.service.connection.small_app import SmallApp, turns
from tests.service.connection.wire import GOOD, PREDICT, Connection, asked, request, said
from tests.service.grpc.toys import Held, rejected, requests, until
from tests.service.http.test_fast_path import listening


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
    await until(lambda: app.state.engine.requests.accepted == 1)
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
        await until(lambda: app.state.engine.requests.accepted == 1)
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
