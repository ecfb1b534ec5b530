"""What has come of bodies that are not whole is bounded, counted, and given back."""

import asyncio
import contextlib
import gc
import gzip
import json
import threading

import pytest

from service.engine.offload import IN_LOOP_BYTES
from service.engine.prediction import Prediction
from service.http.prediction import HttpPrediction
from service.protocol import json_blocks
from tests.service import toys
from tests.service.grpc.toys import rejected, requests, until
from tests.service.http.test_fast_path import GOOD, PREDICT, asked, listening, read_answer, written

SIZE = 100_000
WHOLE = GOOD.ljust(SIZE)
EXPLAIN = "/v1/models/toy/explain"
LIMITS = {"max_body_bytes": SIZE, "max_inflight_body_bytes": 2 * SIZE}


@contextlib.asynccontextmanager
async def stopped(port: int, path: str, count: int, chunked: bool = False):
    """Clients that have sent all of their bodies but the last byte."""
    sent = written(path, WHOLE, {}, chunked=chunked)
    writers = []
    for _ in range(count):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent[: sent.index(WHOLE) + SIZE - 1])
        writers.append(writer)
    yield
    for writer in writers:
        writer.transport.abort()


@pytest.mark.parametrize("path", [PREDICT, EXPLAIN])
@pytest.mark.parametrize("chunked", [False, True])
async def test_clients_that_stop_midway_hold_no_more_than_the_bound(toy_store, path, chunked):
    async with listening(store=toy_store.root, **LIMITS) as (app, port):
        room = app.predictions.bodies.room
        async with stopped(port, path, 2, chunked):
            await until(lambda: room.taken == 2 * SIZE - 2)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(written(path, WHOLE, {}, chunked=chunked)[:2000])
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            writer.close()
            assert "503" in head.splitlines()[0]
            assert "retry-after: 1" in head
            assert room.taken == 2 * SIZE - 2
            # What comes whole and is small holds nothing.
            assert (await asked(port, written(PREDICT, GOOD, {})))[0][0] == 200
        await until(lambda: room.taken == 0)

        assert (await asked(port, written(path, WHOLE, {}, chunked=chunked)))[0][0] == 200
        assert room.taken == 0
        if path == PREDICT:
            assert (rejected(app.state.engine, "overloaded"), requests(app.state.engine, 503)) == (
                1,
                1,
            )


async def test_a_connection_whose_body_found_no_room_goes_on(toy_store):
    """The rest of that body is read and forgotten."""
    async with listening(store=toy_store.root, **LIMITS) as (app, port), stopped(port, PREDICT, 2):
        await until(lambda: app.predictions.bodies.room.taken == 2 * SIZE - 2)
        refused = written(PREDICT, WHOLE, {})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(refused[:2000])
        first = await read_answer(reader)
        writer.write(refused[2000:] + written(PREDICT, GOOD, {}))
        second = await read_answer(reader)
        writer.close()

    assert (first[0], second[0]) == (503, 200)


@pytest.mark.parametrize("chunked", [False, True], ids=["the-short-way", "by-asgi"])
@pytest.mark.parametrize(
    ("path", "counted"), [(PREDICT, 1), ("/v1/models/other/predict", 0)], ids=["toy", "unknown"]
)
async def test_a_client_that_leaves_amid_its_body_is_counted(toy_store, path, counted, chunked):
    async with listening(store=toy_store.root) as (app, port):
        engine = app.state.engine
        async with stopped(port, path, 1, chunked):
            await until(lambda: app.predictions.bodies.room.taken or not counted)
        # Whoever comes next is answered after the loop has seen the other leave.
        assert (await asked(port, written(PREDICT, GOOD, {})))[0][0] == 200
        await until(lambda: rejected(engine, "disconnect") == counted)

        assert (requests(engine, 499), engine.requests.accepted) == (counted, 1)
        assert app.predictions.bodies.room.taken == 0


REFUSED = {
    "no-json": (PREDICT, b"{", {}),
    "unknown-model": ("/v1/models/other/predict", GOOD, {}),
    "bytes-without-length": ("/v2/models/toy/infer", b"\xff" * 48, {}),
    "explain": (EXPLAIN, b"{", {}),
    "compare": ("/v1/compare", b'{"inputs": [[1]], "model": "toy"}', {}),
    "large": (PREDICT, b'{"inputs": [' + b"[0, 1], " * 100_000, {}),
    "inflated": (PREDICT, gzip.compress(b"[]," * 10**5), {"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_refused_request_leaves_nothing_to_the_collector(toy_store, refused, chunked):
    """Else its body stays until the collector comes by, and bodies are large."""
    path, body, headers = refused
    async with listening(store=toy_store.root) as (_, port):
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):  # of a connection's latest request the connection knows
                ((status, _, _),) = await asked(port, written(path, body, headers, chunked))
                assert status in (400, 404)
            await asyncio.sleep(0)
            left = [one for one in gc.get_objects() if type(one) in (HttpPrediction, Prediction)]
        finally:
            gc.enable()

    assert len(left) <= 1


async def test_few_large_bodies_are_parsed_at_one_time(toy_store, monkeypatch):
    """What they take beside the bytes that have come is bounded by that."""
    parsing, most, lock, read = 0, 0, threading.Lock(), json_blocks.read

    def counting(body, limit, ids=False):
        nonlocal parsing, most
        with lock:
            parsing += 1
            most = max(most, parsing)
        try:
            return read(body, limit, ids)
        finally:
            with lock:
                parsing -= 1

    monkeypatch.setattr(json_blocks, "read", counting)
    body = json.dumps({"inputs": [[0.5] * toys.WIDTH] * 1000}, indent=9).encode()
    body = body.ljust(IN_LOOP_BYTES + 1)
    async with toys.running(store=toy_store.root) as (_, client):
        answers = await asyncio.gather(*(client.post(PREDICT, content=body) for _ in range(12)))

    assert {answer.status_code for answer in answers} == {200}
    assert 1 <= most <= 2
