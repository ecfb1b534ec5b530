"""Connections that are silent, or too slow, are closed; those that get on are not."""

from collections.abc import AsyncIterator, Callable

import pytest

from service.connection.patience import HEAD_S, LINGER_S, LOOK_S, WINDOW_BYTES, WINDOW_S
from service.http.fast_path import FastPathProtocol
from tests.service.connection.small_app import SmallApp, turns
from tests.service.connection.wire import GOOD, PREDICT, Clock, Connection, request, said
from tests.service.grpc.toys import Held, requests, until

KEPT_S = 5  # uvicorn's default, which the service's own start replaces
LATE_S = 2 * LOOK_S  # a look begins to wait, and a look ends it
Connect = Callable[..., Connection]


@pytest.fixture
def app() -> SmallApp:
    return SmallApp()


@pytest.fixture
async def connect(app) -> AsyncIterator[Connect]:
    made = []

    def one(to=app) -> Connection:
        made.append(Connection(FastPathProtocol, to, Clock()))
        return made[-1]

    yield one
    for connection in made:
        await connection.leave()


def passes(connection: Connection, seconds: float, each_second: bytes = b"") -> None:
    for _ in range(int(seconds)):
        if each_second and not connection.over:
            connection.protocol.data_received(each_second)
        connection.protocol.loop.move(1)


def told(connection: Connection) -> str:
    return said(bytes(connection.wire.sent) + b"<closed>")


async def test_who_connects_and_says_nothing_is_sent_away_without_a_word(app, connect):
    connection = connect()
    passes(connection, HEAD_S - 1)
    assert not connection.over
    passes(connection, LATE_S)

    assert connection.wire.closed
    assert (bytes(connection.wire.sent), app.closed("silent")) == (b"", 1)


@pytest.mark.parametrize("drip", [b"", b"a"], ids=["stops", "drips"])
@pytest.mark.parametrize("before", [b"", request("GET", "/echo")], ids=["first", "second"])
async def test_a_head_must_be_complete_in_time(app, connect, before, drip):
    connection = connect()
    if before:
        connection.protocol.data_received(before)
        await connection.answers()
        connection.wire.sent.clear()
    connection.protocol.data_received(b"GET /echo HTTP/1.1\r\nA: ")
    passes(connection, HEAD_S - 1, drip)
    assert not connection.over
    passes(connection, LATE_S, drip)

    assert connection.wire.sent.startswith(b"HTTP/1.1 408 ")
    assert told(connection) == "a request's head must be complete within 20 s"
    assert app.closed("slow_head") == 1


@pytest.mark.parametrize("drip", [b"", b"a", b"a" * 400], ids=["stops", "drips", "crawls"])
@pytest.mark.parametrize("chunks", [False, True])
@pytest.mark.parametrize("path", ["/echo", PREDICT])
async def test_a_body_must_get_on(toy, app, connect, path, chunks, drip):
    connection = connect(toy[0] if path == PREDICT else app)
    coding = "Transfer-Encoding: chunked" if chunks else "Content-Length: 300000"
    connection.protocol.data_received(request("POST", path, coding))
    connection.protocol.data_received(b"30000\r\n" if chunks else b"a" * 50_000)
    passes(connection, WINDOW_S - 1, drip)
    assert not connection.over
    passes(connection, 2 * WINDOW_S, drip)
    await turns(5)

    assert connection.wire.sent.startswith(b"HTTP/1.1 408 ")
    assert told(connection) == "a body must get on by 10000 bytes in 20 s"
    if path == PREDICT:
        assert requests(toy[0].state.engine, 499) == 1


async def test_a_body_that_gets_on_takes_as_long_as_it_takes(app, connect):
    connection = connect()
    connection.protocol.data_received(request("POST", "/echo", "Content-Length: 1000000"))
    for _ in range(1000):
        connection.protocol.data_received(b"a" * 1000)
        await turns(2)
        connection.protocol.loop.move(1)

    assert (await connection.answers()).startswith(b"HTTP/1.1 200 OK")


async def test_a_client_is_not_blamed_for_what_is_not_read(connect):
    """The application does not take the body, so no more of it is read."""

    class Busy(SmallApp):
        async def __call__(self, scope, receive, send):
            await until(lambda: connection.wire.closed)

    connection = connect(Busy())
    connection.protocol.data_received(request("POST", "/", "Content-Length: 1000000"))
    connection.protocol.data_received(b"a" * 100_000)
    assert connection.wire.paused
    passes(connection, 1000)
    assert not connection.over
    connection.protocol.give_up()
    connection.wire.close()


@pytest.mark.parametrize("path", [PREDICT, "/v1/models/toy/explain"])
async def test_an_answer_is_waited_for_as_long_as_it_takes(toy, connect, path):
    held = Held(toy[0].state.engine.model("toy"))
    connection = connect(toy[0])
    connection.protocol.data_received(request("POST", path, body=GOOD))
    await until(lambda: toy[0].state.engine.requests.accepted == 1)
    passes(connection, 10_000)
    held.go.set()

    assert (await connection.answers()).startswith(b"HTTP/1.1 200 OK")
    assert not connection.over


async def test_an_answer_that_nobody_reads_is_given_up(app, connect):
    connection = connect()
    connection.protocol.data_received(request("GET", "/echo"))
    await connection.answers()
    connection.wire.unsent = 50
    passes(connection, WINDOW_S + 2 * LATE_S)

    assert connection.wire.closed
    assert app.closed("slow_reader") == 1


async def test_an_answer_that_is_read_slowly_is_not(app, connect):
    connection = connect()
    connection.protocol.timeout_keep_alive = 10_000
    connection.protocol.connection_made(connection.wire)
    connection.protocol.data_received(request("GET", "/echo"))
    await connection.answers()
    unsent = 200 * WINDOW_BYTES
    while unsent > 0:
        connection.wire.unsent = unsent
        passes(connection, 1)
        assert not connection.over
        unsent -= WINDOW_BYTES // 10
    assert app.closed("slow_reader") == 0


async def test_a_connection_between_two_requests_is_closed_after_a_while(app, connect):
    connection = connect()
    for _ in range(3):
        connection.protocol.data_received(request("GET", "/echo"))
        await connection.answers()
        passes(connection, KEPT_S - 1)
        assert not connection.over
    passes(connection, LATE_S)

    assert connection.wire.closed


async def test_who_is_refused_has_time_to_read_why_and_no_more(app, connect):
    connection = connect()
    connection.protocol.data_received(b"hello")
    assert (connection.wire.ended, connection.wire.closed) == (True, False)
    passes(connection, LINGER_S - 1, b"hello")
    assert not connection.wire.closed
    passes(connection, LATE_S, b"hello")

    assert connection.wire.closed
    assert (told(connection)[:8], app.closed("malformed")) == ("expected", 1)


async def test_a_server_that_stops_does_not_wait_for_who_is_refused(connect):
    connection = connect()
    head = request("POST", "/echo", "Transfer-Encoding: chunked", "Expect: 100-continue")
    connection.protocol.data_received(head + b"hello")
    connection.protocol.shutdown()
    await until(lambda: not connection.state.tasks)

    assert connection.wire.closed
    assert connection.wire.sent.startswith(b"HTTP/1.1 400 ")
