"""
Plain requests take a short way past ASGI; nobody can tell but by the time it takes.

The law: the same request, its body once with its length and once in chunks, which goes by ASGI,
gets the same answer.
"""

import asyncio
import contextlib
import json

import numpy as np
import pytest
import uvicorn

from service.connection.connection_state import ConnectionState
from service.http.body import PARSE_IN_LOOP_BYTES
from service.http.fast_path import FastPathProtocol
from tests.service import toys
from tests.service.connection.wire import reset
from tests.service.grpc.toys import Held, rejected, requests, until

PREDICT, INFER = "/v1/models/toy/predict", "/v2/models/toy/infer"
ROW = [0.5, -1.0, 0.25, 3.0, 0.0, -0.125]
GOOD = json.dumps({"inputs": [ROW, ROW]}).encode()
MANY = json.dumps({"inputs": [ROW] * 90}).encode()
NEWLINES = np.full(toys.OUTPUTS, 0x0A0D0A0D, "<u4")  # as bytes, what ends the head of an answer
Post = tuple[str, bytes, dict[str, str]]
"""Path, body, headers."""


def binary(rows: np.ndarray, **header: str) -> Post:
    raw = rows.astype("<f4").tobytes()
    size = {"binary_data_size": len(raw)}
    tensor = {"name": "input", "shape": rows.shape, "datatype": "FP32", "parameters": size}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    return INFER, head + raw, {"Inference-Header-Content-Length": str(len(head))} | header


REQUESTS: dict[str, Post] = {
    "json": (PREDICT, GOOD, {}),
    "binary": binary(np.array([ROW])),
    "compressed-answer": (PREDICT, MANY, {"Accept-Encoding": "gzip"}),
    "no-json": (PREDICT, b"{", {}),
    "nothing": (PREDICT, b"", {}),
    "wrong-width": (PREDICT, b'{"inputs": [[1, 2]]}', {}),
    "not-finite": binary(np.array([[np.nan] * 6])),
    "too-many-rows": (PREDICT, json.dumps({"inputs": [ROW] * 1025}).encode(), {}),
    "no-such-model": ("/v2/models/other/infer", GOOD, {}),
    "no-such-version": ("/v2/models/toy/versions/9/infer", GOOD, {}),
    "no-such-path": ("/v2/models/toy/guess", GOOD, {}),
    "with-a-query": (PREDICT + "?x=1", GOOD, {}),
    "escaped-name": ("/v1/models/t%6Fy/predict", GOOD, {}),
    "header-length": (INFER, GOOD, {"Inference-Header-Content-Length": "-1"}),
    "its-own-id": (PREDICT, GOOD, {"x-request-id": "mine"}),
}


@contextlib.asynccontextmanager
async def listening(**settings: object):
    """The application behind uvicorn and the protocol that the service uses, in this loop."""
    async with toys.running(**settings) as (app, _):
        config = uvicorn.Config(
            app, port=0, http=FastPathProtocol, lifespan="off", log_config=None, proxy_headers=False
        )
        server = uvicorn.Server(config)
        server.server_state = ConnectionState()
        serving = asyncio.create_task(server.serve())
        await until(lambda: server.started)
        yield app, server.servers[0].sockets[0].getsockname()[1]
        server.should_exit = True
        await serving


def written(path: str, body: bytes, headers: dict[str, str], chunked: bool = False) -> bytes:
    length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(body))}
    lines = [f"POST {path} HTTP/1.1", "Host: toy"]
    lines += [f"{name}: {value}" for name, value in (headers | length).items()]
    if chunked:
        body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
    return "\r\n".join([*lines, "", ""]).encode() + body


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in head[1:-2])
    return (
        int(head[0].split()[1]),
        headers,
        await reader.readexactly(int(headers["content-length"])),
    )


async def asked(
    port: int, *pieces: bytes, answers: int = 1
) -> list[tuple[int, dict[str, str], bytes]]:
    """Send pieces on one connection and read as many answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    got = [await read_answer(reader) for _ in range(answers)]
    writer.close()
    return got


def comparable(answer: tuple[int, dict[str, str], bytes]):
    status, headers, body = answer
    own = {"date", "server-timing"}
    own |= set() if headers.get("x-request-id") == "mine" else {"x-request-id"}
    return status, {name: value for name, value in headers.items() if name not in own}, body


@pytest.fixture
async def port(toy_store):
    async with listening(store=toy_store.root) as (_, port):
        yield port


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
async def test_a_plain_request_is_answered_as_by_asgi(port, request_: Post):
    (plain,) = await asked(port, written(*request_))
    (chunked,) = await asked(port, written(*request_, chunked=True))

    assert comparable(plain) == comparable(chunked)


async def test_a_request_that_comes_byte_by_byte_is_one_request(port):
    whole = written(*REQUESTS["binary"])

    (answer,) = await asked(port, *(whole[k : k + 1] for k in range(len(whole))))

    assert comparable(answer) == comparable((await asked(port, whole))[0])


async def test_requests_sent_without_waiting_are_answered_in_their_order(port):
    """Plain ones and others, by turns, in one piece."""
    count = 40
    sent = [
        written(PREDICT, GOOD, {"x-request-id": f"n{k}"}, chunked=k % 3 == 1) for k in range(count)
    ]

    answers = await asked(port, b"".join(sent), answers=count)

    assert [headers["x-request-id"] for _, headers, _ in answers] == [f"n{k}" for k in range(count)]
    assert {status for status, _, _ in answers} == {200}


@pytest.mark.parametrize(
    ("headers", "kept"), [({}, True), ({"Connection": "close"}, False)], ids=["kept", "closed"]
)
async def test_the_connection_is_kept_unless_the_client_wants_it_closed(port, headers, kept):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(written(PREDICT, GOOD, headers))
    assert (await read_answer(reader))[0] == 200
    writer.write(written(PREDICT, GOOD, headers))

    assert bool(await reader.read(1)) == kept
    writer.close()


async def test_a_client_that_asks_before_it_sends_is_told_to_go_on(port):
    expecting = written(PREDICT, GOOD, {"Expect": "100-continue"})
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(expecting[: -len(GOOD)])

    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
    writer.write(GOOD)
    assert (await read_answer(reader))[0] == 200
    writer.close()


async def test_a_body_too_large_to_parse_at_once_goes_the_long_way_and_is_bounded(toy_store):
    body = GOOD + b" " * PARSE_IN_LOOP_BYTES
    async with listening(store=toy_store.root, max_body_bytes=2 * PARSE_IN_LOOP_BYTES) as (_, port):
        ((taken, _, _),) = await asked(port, written(PREDICT, body, {}))
        ((refused, _, said),) = await asked(port, written(PREDICT, 3 * body, {})[:200])

    assert (taken, refused) == (200, 413)
    assert b"at most 1048576 bytes" in said


async def test_a_client_that_leaves_gives_up_its_rows_and_nobody_elses(toy_store):
    async with listening(store=toy_store.root) as (app, port):
        engine = app.state.engine
        model = engine.model("toy")
        held = Held(model)
        _, running = await asyncio.open_connection("127.0.0.1", port)
        running.write(written(PREDICT, GOOD, {}))
        await until(lambda: model.worker.running_since_s is not None)
        _, leaver = await asyncio.open_connection("127.0.0.1", port)
        leaver.write(written(PREDICT, GOOD, {}))
        staying = asyncio.create_task(asked(port, written(PREDICT, GOOD, {})))
        await until(lambda: model.worker.batcher.queued_rows == 4)
        reset(leaver)
        await until(lambda: requests(engine, 499) == 1)
        held.go.set()

        ((status, _, _),) = await staying
        running.close()

    assert status == 200
    assert rejected(engine, "disconnect") == 1
    assert (engine.requests.accepted, engine.requests.answered) == (3, 3)


async def test_a_request_under_way_is_answered_before_the_server_goes(toy_store):
    async with listening(store=toy_store.root) as (app, port):
        engine = app.state.engine
        held = Held(engine.model("toy"))
        asking = asyncio.create_task(asked(port, written(PREDICT, GOOD, {})))
        await until(lambda: engine.requests.accepted == 1)
        engine.drain()
        ((refused, headers, _),) = await asked(port, written(PREDICT, GOOD, {}))
        held.go.set()

        ((status, _, _),) = await asking

    assert (status, refused, headers["retry-after"]) == (200, 503, "1")


async def test_our_own_bug_is_a_500_and_the_connection_goes_on(toy_store, caplog):
    async with listening(store=toy_store.root) as (app, port):
        app.state.engine.submit = None  # calling it raises what no one expects
        both = written(PREDICT, GOOD, {}) + written(*REQUESTS["no-such-model"])

        broken, other = await asked(port, both, answers=2)

    assert (broken[0], other[0]) == (500, 404)
    assert b"internal error" in broken[2]
    assert any(record.exc_info for record in caplog.records)


async def test_an_answer_that_ends_like_a_head_leaves_at_once(toy_store):
    """Its last bytes are those of logits, which may be any."""

    class Newlines(Held):
        def infer(self, rows):
            prediction = super().infer(rows)
            prediction.logits.numpy().view("<u4")[:] = NEWLINES
            return prediction

    async with listening(store=toy_store.root) as (app, port):
        Newlines(app.state.engine.model("toy")).go.set()

        ((status, _, body),) = await asked(port, written(*REQUESTS["binary"]))

    assert status == 200
    assert body.endswith(b"\r\n\r\n")
