"""
A large answer is rendered and compressed beside the event loop; nobody can tell by its bytes.

The law: one answer, written whole and written in pieces, by the short way and by ASGI, is the same.
"""

import asyncio
import json
import threading
import zlib
from typing import Any

import numpy as np
import pytest

from fff.layers import FFF, Dense
from model_store.store import Store
from service.engine.offload import PIECE_NUMBERS
from service.http import prediction
from service.http.prediction import HttpPrediction
from service.protocol import json_pieces
from service.protocol.json_pieces import json_array, list_items
from service.protocol.outputs import OUTPUTS
from tests.service import toys
from tests.service.grpc.toys import until
from tests.service.http.test_fast_path import asked, listening, written

WIDE = 700
PREDICT, INFER = "/v1/models/wide/predict", "/v2/models/wide/infer"
ROWS = np.random.default_rng(0).normal(size=(60, toys.WIDTH)).astype(np.float32)
TENSOR = {"name": "input", "datatype": "FP32", "shape": ROWS.shape, "data": ROWS.tolist()}
ALL = [{"name": name} for name in OUTPUTS]
MIXED = [output | {"parameters": {"binary_data": k % 2 == 0}} for k, output in enumerate(ALL)]
BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": (PREDICT, {"inputs": ROWS.tolist()}),
    "json": (INFER, {"inputs": [TENSOR], "outputs": ALL, "id": "7"}),
    "bytes": (INFER, {"inputs": [TENSOR], "parameters": {"binary_data_output": True}}),
    "mixed": (INFER, {"inputs": [TENSOR], "outputs": MIXED, "id": "7"}),
    "dense": ("/v2/models/dense/infer", {"inputs": [TENSOR], "outputs": ALL}),
}
TYPES = {"content-type", "inference-header-content-length", "content-encoding", "vary"}


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    made.publish("dense", Dense(toys.WIDTH, WIDE, 2).weights(), origin=toys.ORIGIN)
    weights = FFF(toys.WIDTH, WIDE, 2, leaf_width=2).weights()
    made.publish("wide", weights, baseline="dense", origin=toys.ORIGIN)
    return tmp_path


@pytest.fixture
def rendered(monkeypatch):
    """Where answers were rendered, and whether in pieces."""
    seen: list[tuple[bool, bool]] = []
    render = HttpPrediction.rendered

    def noting(self, answer, long):
        seen.append((long, threading.current_thread() is threading.main_thread()))
        return render(self, answer, long)

    monkeypatch.setattr(HttpPrediction, "rendered", noting)
    return seen


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("takes", ["identity", "gzip"])
async def test_an_answer_in_pieces_has_the_bytes_of_a_whole_one(
    store, rendered, monkeypatch, body, takes
):
    path, content = body
    request = path, json.dumps(content).encode(), {"Accept-Encoding": takes}
    got = []
    async with listening(store=store) as (_, port):
        for limit in (0, 2**40):
            for name in ("IN_LOOP_BYTES", "IN_LOOP_SLOW_BYTES", "_SURELY_SHORT"):
                monkeypatch.setattr(prediction, name, limit)
            for chunked in (False, True):
                ((status, headers, answer),) = await asked(port, written(*request, chunked=chunked))
                assert status == 200
                plain = answer if takes == "identity" else zlib.decompress(answer, 31)
                got.append(({name: headers.get(name) for name in TYPES}, plain))

    assert rendered == [(True, False)] * 2 + [(False, True)] * 2
    assert got[0] == got[1] == got[2] == got[3]
    assert (got[0][0]["vary"] is None) == (takes == "identity")


@pytest.mark.parametrize(
    ("body", "rows", "takes", "long"),
    [
        ("plain", 1, "gzip", False),
        ("plain", 60, "", True),
        ("plain", 10, "", False),
        ("plain", 10, "gzip", True),
        ("bytes", 60, "", False),
        ("bytes", 60, "gzip", True),
    ],
)
async def test_what_an_answer_costs_says_where_it_is_rendered(
    store, rendered, body, rows, takes, long
):
    path, content = BODIES[body]
    tensor = TENSOR | {"shape": [rows, toys.WIDTH], "data": ROWS[:rows].tolist()}
    inputs = ROWS[:rows].tolist() if path == PREDICT else [tensor]
    async with toys.running(store=store) as (_, client):
        headers = {"Accept-Encoding": takes}
        answer = await client.post(path, json=content | {"inputs": inputs}, headers=headers)

    assert answer.status_code == 200
    assert rendered == [(long, not long)]


async def test_the_service_answers_while_a_large_answer_is_rendered(store, monkeypatch):
    """Rendering waits for that answer, and would do so in vain if it had the event loop."""
    begun, answered, waited = threading.Event(), threading.Event(), []

    def waiting(values):
        if not begun.is_set():
            begun.set()
            waited.append(answered.wait(10))
        return list_items(values)

    monkeypatch.setattr(json_pieces, "list_items", waiting)
    path, content = BODIES["plain"]
    async with listening(store=store) as (_, port):
        whole = written(path, json.dumps(content).encode(), {})
        large = asyncio.create_task(asked(port, whole + whole, answers=2))
        await until(begun.is_set)
        one = written(path, json.dumps({"inputs": ROWS[:1].tolist()}).encode(), {})
        ((status, _, _),) = await asked(port, one)
        answered.set()
        (first, second) = await large

    assert (status, first[0], waited) == (200, 200, [True])
    assert first[2] == second[2]


async def test_a_client_that_leaves_amid_a_large_answer_troubles_nobody(store):
    path, content = BODIES["plain"]
    content = {"inputs": content["inputs"] * 16}
    async with listening(store=store) as (app, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(written(path, json.dumps(content).encode(), {}))
        await until(lambda: app.state.engine.requests.answered == 1)
        writer.transport.abort()
        one = written(path, json.dumps({"inputs": ROWS[:1].tolist()}).encode(), {})

        assert (await asked(port, one))[0][0] == 200


@pytest.mark.parametrize("shape", [(3, 5), (1, 20_000), (3, 20_000), (9000, 2), (20_000,), (7, 0)])
def test_an_array_in_pieces_is_the_array(shape, monkeypatch):
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    sizes = []

    def noting(values):
        sizes.append(values.size)
        return list_items(values)

    monkeypatch.setattr(json_pieces, "list_items", noting)

    assert json.loads(b"".join(json_array(array))) == array.tolist()
    assert max(sizes) <= PIECE_NUMBERS
