"""A long answer is written and sent in pieces, none of which holds the event loop for long."""

import asyncio
import json
import threading

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from fff.layers import FFF, Dense
from model_store.store import Store
from service.engine.offload import PIECE_NUMBERS, Offload
from service.http.streamed_json import WHOLE_BYTES, long_response
from service.inspection import comparison
from service.protocol.json_pieces import json_list, json_object, list_items
from tests.service import toys

OUTPUTS, ROWS = 1000, np.random.default_rng(0).normal(size=(100, toys.WIDTH)).tolist()
VALUES = st.lists(st.lists(st.integers(0, 9), min_size=1), min_size=1, max_size=4)


@given(VALUES)
def test_an_object_of_lists_in_pieces_is_the_object(one):
    pieces = json_object(
        {"rows": 1}, one=json_list(map(list_items, one)), in_it=json_object({"a": [2]}, b=[b"7"])
    )

    assert orjson.loads(b"".join(pieces)) == {
        "rows": 1,
        "one": [value for part in one for value in part],
        "in_it": {"a": [2], "b": 7},
    }


async def test_outputs_are_written_in_a_thread_a_bounded_number_at_once(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.publish("dense", Dense(toys.WIDTH, OUTPUTS, 2).weights(), origin=toys.ORIGIN)
    wide = FFF(toys.WIDTH, OUTPUTS, 1, leaf_width=1).weights()
    store.publish("wide", wide, baseline="dense", origin=toys.ORIGIN)
    written: list[int] = []

    def listening(values):
        assert threading.current_thread() is not threading.main_thread()
        written.append(values.size)
        return list_items(values)

    monkeypatch.setattr(comparison, "list_items", listening)
    async with toys.running(store=tmp_path) as (_, client):
        got = (await client.post("/v1/compare", json={"model": "wide", "inputs": ROWS})).json()
        for side, name in (("fff", "wide"), ("dense", "dense")):
            said = await client.post(f"/v1/models/{name}/predict", json={"inputs": ROWS})
            assert got[side]["outputs"] == said.json()["outputs"]

    assert max(written) <= PIECE_NUMBERS
    assert sum(written) == 2 * OUTPUTS * len(ROWS)


async def receive() -> Message:
    raise AssertionError("an answer asks its client for nothing")


@pytest.mark.parametrize("takes", ["", "gzip"])
async def test_others_have_their_turn_between_two_pieces_on_the_wire(takes):
    rows = np.random.default_rng(0).normal(size=(16, WHOLE_BYTES // 100))
    pieces = json_list(list_items(row) for row in rows)
    turns, sent = 0, []

    async def others():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def send(message):
        sent.append((turns, message))

    other = asyncio.create_task(others())
    offload = Offload()
    answer = await long_response(offload, pieces, takes, {})
    await answer({"type": "http"}, receive, send)
    other.cancel()
    offload.close()

    (_, head), *parts = sent
    at = [turn for turn, message in parts if message["body"]]
    assert len(at) == len(set(at)) > 3
    length = sum(len(message["body"]) for _, message in parts)
    assert dict(head["headers"])[b"content-length"] == b"%d" % length
    assert [message.get("more_body", False) for _, message in parts[-2:]] == [True, False]


async def test_a_short_answer_is_sent_at_once():
    sent = []

    async def send(message):
        sent.append(message)

    pieces = json_object({"a": 1}, b=json_list([b",2", b",3,4"]))
    answer = await long_response(Offload(), pieces, "gzip", {})
    await answer({"type": "http"}, receive, send)

    _, whole, _ = sent
    assert json.loads(whole["body"]) == {"a": 1, "b": [2, 3, 4]}
