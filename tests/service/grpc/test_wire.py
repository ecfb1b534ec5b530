"""The law: a message whose large numbers are taken out is the one that protobuf would have read."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.offload import PIECE_BYTES
from service.errors import InvalidInput, TooLarge
from service.grpc import wire
from service.grpc.schema import load_schema
from service.grpc.wire import QUICK_BYTES, Received, read_message, read_pixels

CALL = load_schema().calls["ModelInfer"]
FLOATS = st.lists(st.floats(width=32, allow_nan=False), max_size=30)
PIXELS = st.lists(st.integers(0, 255), max_size=60)


def message(floats=(), pixels=(), raw=(), inputs=1, id_=""):
    made = CALL.request(model_name="toy", id=id_, raw_input_contents=raw)
    made.parameters["timeout"].int64_param = 5
    for _ in range(inputs):
        tensor = made.inputs.add(name="input", datatype="FP32", shape=[2, -1])
    if floats or pixels:
        tensor.contents.fp32_contents.extend(floats)
        tensor.contents.uint_contents.extend(pixels)
    return made


@given(FLOATS, PIXELS, st.lists(st.binary(max_size=40), max_size=1), st.text(max_size=30))
def test_a_message_is_what_protobuf_reads_wherever_large_begins(floats, pixels, raw, text):
    whole = message(floats, pixels, raw, 2, text)
    for large in (0, 7, 20, 100):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(wire, "LARGE_BYTES", large)
            received = read_message(CALL, whole.SerializeToString())

        assert isinstance(received, Received)
        if (large_raw := received.contents.get("raw_input_contents")) is not None:
            received.message.raw_input_contents.append(bytes(large_raw))
        contents = received.message.inputs[1].contents
        for field, read in (("fp32_contents", wire.read_floats), ("uint_contents", read_pixels)):
            if field in received.contents:
                assert not getattr(contents, field)
                getattr(contents, field).extend(read(received.contents[field]).tolist())
        assert received.message == whole


@pytest.mark.parametrize("below", [0, 1, 128, 255])
@pytest.mark.parametrize("size", [1, 2, PIECE_BYTES - 1, PIECE_BYTES + 1, 200_000])
def test_pixels_are_read_as_protobuf_reads_them(size: int, below: int):
    pixels = np.random.default_rng(size).integers(0, below, size, np.uint8, endpoint=True)
    raw = message(pixels=pixels.tolist()).SerializeToString()

    contents: dict[str, memoryview] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire, "LARGE_BYTES", 0)
        wire._without_large(memoryview(raw), wire._LARGE, contents)

    assert (read_pixels(contents["uint_contents"]) == pixels).all()


@pytest.mark.parametrize("packed", [b"\x80", b"\x80\x02", b"\xff\xff\x03", b"\x01" * 9 + b"\xff"])
def test_what_is_no_pixel_is_refused(packed: bytes):
    with pytest.raises(InvalidInput, match="whole numbers from 0 to 255"):
        read_pixels(memoryview(packed))


@pytest.mark.parametrize(
    ("slow", "said"),
    [
        (message(inputs=QUICK_BYTES), "at most 1000 fields"),
        (message(raw=[b""] * QUICK_BYTES), "at most 1000 fields"),
        (message(id_="x" * QUICK_BYTES), f"at most {QUICK_BYTES} bytes"),
        (CALL.request(inputs=[{"contents": {"bytes_contents": [b""] * QUICK_BYTES}}]), "1000"),
        (CALL.request(inputs=[{"contents": {"int64_contents": [1] * 2 * QUICK_BYTES}}]), "at most"),
    ],
)
def test_what_protobuf_would_take_long_for_is_refused(slow, said: str):
    refused = read_message(CALL, slow.SerializeToString())

    assert isinstance(refused, TooLarge)
    assert said in str(refused)


def test_bytes_of_every_kind_are_a_message_or_an_error(monkeypatch):
    chance = random.Random(0)
    whole = message([1.5] * 20, [200] * 20, [b"raw"] * 2).SerializeToString()
    monkeypatch.setattr(wire, "LARGE_BYTES", 16)
    for _ in range(3000):
        raw = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)

        assert isinstance(read_message(CALL, bytes(raw)), Received | InvalidInput | TooLarge)
