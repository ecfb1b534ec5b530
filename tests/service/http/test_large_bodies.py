"""No body larger than a stated size is parsed in the event loop, whichever path it takes."""

import asyncio
import json
import threading
import zlib

import numpy as np
import pytest

from service.engine.offload import IN_LOOP_SLOW_BYTES
from service.http.body import PARSE_IN_LOOP_BYTES
from service.protocol import json_blocks
from service.protocol import json_numbers as json_rows
from tests.service import toys
from tests.service.grpc.toys import until
from tests.service.http.test_fast_path import asked, listening
from tests.service.http.test_fast_path import written as written_as

ROWS = np.random.default_rng(0).normal(size=(50, toys.WIDTH)).astype(np.float32)
TENSOR = {"name": "input", "datatype": "FP32", "shape": ROWS.shape, "data": ROWS.tolist()}
PREDICT = "/v1/models/toy/predict"
ASKED = {
    PREDICT: {"inputs": ROWS.tolist()},
    "/v2/models/toy/infer": {"inputs": [TENSOR]},
    "/v1/models/toy/explain": {"inputs": ROWS.tolist()},
    "/v1/compare": {"model": "toy", "inputs": ROWS.tolist(), "labels": [1] * len(ROWS)},
}
INSPECTIONS = ["/v1/models/toy/explain", "/v1/compare"]


def written(path: str, size: int = 0) -> bytes:
    return json.dumps(ASKED[path]).encode().ljust(size)


def packed(body: bytes, encoding: str) -> bytes:
    deflater = zlib.compressobj(wbits={"gzip": 31, "deflate": 15}[encoding])
    return deflater.compress(body) + deflater.flush()


def comparable(answer: object) -> object:
    """An answer without its times, and without ranks, which depend on the rows before."""
    if isinstance(answer, list):
        return [comparable(part) for part in answer]
    if not isinstance(answer, dict):
        return answer
    told = {"compute_ms", "compute_us_per_row", "speedup", "margin_rank"}
    told |= {"speedup_low", "speedup_high", "difference_seen"}
    return {key: comparable(value) for key, value in answer.items() if key not in told}


@pytest.fixture
def parsing(monkeypatch):
    """Where bodies were parsed, a thread each."""
    threads: list[threading.Thread] = []
    for reader in (json_rows, json_blocks):
        monkeypatch.setattr(reader, "read", noting(threads, reader.read))
    return threads


def noting(threads, read):
    def listening(*asked):
        threads.append(threading.current_thread())
        return read(*asked)

    return listening


@pytest.mark.parametrize("path", ASKED)
@pytest.mark.parametrize(
    ("size", "spoiled", "aside"),
    [
        (PARSE_IN_LOOP_BYTES, b"", False),
        (PARSE_IN_LOOP_BYTES + 1, b"", True),
        (PARSE_IN_LOOP_BYTES, b"]", True),
    ],
    ids=["as-large-as-may-be", "larger", "larger-and-wrong"],
)
async def test_a_body_over_the_limit_is_parsed_in_a_thread(
    client, parsing, path, size, spoiled, aside
):
    answer = await client.post(path, content=written(path, size) + spoiled)

    assert answer.status_code == (400 if spoiled else 200)
    assert [thread is not threading.current_thread() for thread in parsing] == [aside]


@pytest.mark.parametrize("path", ASKED)
async def test_a_compressed_body_is_inflated_and_parsed_in_a_thread(client, parsing, path):
    (plain, gzip, deflate) = [
        await client.post(path, content=body, headers=headers)
        for body, headers in (
            (written(path), {}),
            *((packed(written(path), e), {"Content-Encoding": e}) for e in ("gzip", "deflate")),
        )
    ]

    assert plain.status_code == 200
    assert comparable(plain.json()) == comparable(gzip.json()) == comparable(deflate.json())
    assert [thread is threading.current_thread() for thread in parsing] == [True, False, False]


@pytest.mark.parametrize("path", INSPECTIONS)
async def test_the_service_answers_while_a_large_body_is_parsed(client, monkeypatch, path):
    """The parser waits for that answer, and would do so in vain if it had the event loop."""
    begun, answered, waited, read = threading.Event(), threading.Event(), [], json_blocks.read

    def waiting(*given):
        begun.set()
        waited.append(answered.wait(10))
        return read(*given)

    monkeypatch.setattr(json_blocks, "read", waiting)
    body = written(path, PARSE_IN_LOOP_BYTES + 1)
    large = asyncio.create_task(client.post(path, content=body))
    await until(begun.is_set)
    assert (await client.post(PREDICT, json=ASKED[PREDICT])).status_code == 200
    answered.set()

    assert (await large).status_code == 200
    assert waited == [True]


@pytest.mark.parametrize("path", ASKED)
async def test_no_path_takes_a_body_over_the_bound_inflated_or_not(toy_store, path):
    bomb = packed(written(path, 10**6), "gzip")
    async with toys.running(store=toy_store.root, max_body_bytes=20_000) as (_, client):
        for body, headers in ((b" " * 20_001, {}), (bomb, {"Content-Encoding": "gzip"})):
            refused = await client.post(path, content=body, headers=headers)
            assert (refused.status_code, list(refused.json())) == (413, ["error"])
            assert "a body may be at most 20000 bytes" in refused.json()["error"]
        unknown = await client.post(path, content=b"{}", headers={"Content-Encoding": "br"})

    assert (unknown.status_code, "gzip, deflate or identity" in unknown.text) == (400, True)


@pytest.mark.parametrize("path", INSPECTIONS)
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_an_answer_is_compressed_for_who_takes_it(client, path, encoding):
    plain, encoded = [
        await client.post(path, json=ASKED[path], headers={"Accept-Encoding": takes})
        for takes in ("identity", encoding)
    ]

    assert encoded.headers["content-encoding"] == encoding
    assert int(encoded.headers["content-length"]) < int(plain.headers["content-length"])
    assert comparable(encoded.json()) == comparable(plain.json())


@pytest.mark.parametrize("chunked", [False, True], ids=["the-short-way", "by-asgi"])
@pytest.mark.parametrize(
    ("row", "size"),
    [(b"[1,2,3,4,5,1e400]", 4000), (b"[1,2,3,4,5,6]", 9000), (b"[1,2,3,4,5,1" + b"0" * 30, 1000)],
    ids=["out-of-range", "many-rows", "large-integers"],
)
async def test_what_would_be_slow_to_read_is_read_in_a_thread_though_it_is_short(
    toy_store, parsing, row, size, chunked
):
    row = row if row.endswith(b"]") else row + b"]"
    body = b'{"inputs":[' + b",".ljust(40).join([row] * size) + b"]}"
    assert IN_LOOP_SLOW_BYTES < len(body) < PARSE_IN_LOOP_BYTES
    async with listening(store=toy_store.root, max_batch_rows=1000) as (_, port):
        ((status, _, _),) = await asked(port, written_as(PREDICT, body, {}, chunked=chunked))

    assert status == (200 if size == 1000 else 400 if row.endswith(b"1e400]") else 413)
    assert parsing[-1] is not threading.current_thread()
