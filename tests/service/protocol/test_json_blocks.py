"""A large body, read a piece at a time, gives the rows that it gives when read whole."""

import json
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.publishing import draft_of
from service.engine.offload import IN_LOOP_BYTES
from service.errors import InvalidInput, TooLarge
from service.protocol import json_blocks, json_body, long_list
from service.protocol.infer_request import parse_infer
from service.protocol.plain_json import parse_comparison, parse_plain
from tests.fff.networks import dense
from tests.service import toys
from tests.service.protocol.test_json_agreement import WIDTH, infer_bodies, outcome
from tests.service.protocol.test_json_agreement import plain_bodies as small_bodies

PIECE = 80  # bytes: longer than any number drawn, shorter than most lists
ROWS = np.random.default_rng(0).normal(size=(1024, WIDTH)).astype(np.float32)
MANY = np.random.default_rng(1).normal(size=(1024, 80)).astype(np.float32)


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    monkeypatch.setattr(json_blocks, "let_go", lambda: None)
    monkeypatch.setattr(long_list, "let_go", lambda: None)


def in_pieces(parse, body: str):
    """What comes of a body of which a few bytes are large, and fewer a piece."""
    with (
        mock.patch.multiple(json_body, IN_LOOP_BYTES=0, IN_LOOP_SLOW_BYTES=0),
        mock.patch.multiple(long_list, PIECE_BYTES=PIECE, _STEP_BYTES=8),
        mock.patch.object(json_blocks, "PIECE_BYTES", PIECE),
    ):
        return outcome(parse, body)


def assert_agreement(parse, body: str) -> None:
    read = in_pieces(parse, body)
    if read == "refused" and any(body.count(f'"{key}"') > 1 for key in ("inputs", "data")):
        return  # a second list of that name, which would replace the long one, is not looked for
    assert read == outcome(parse, body)


@settings(max_examples=1000)
@given(small_bodies())
def test_plain_bodies_are_read_alike(body):
    assert_agreement(parse_plain, body)


@settings(max_examples=500)
@given(infer_bodies())
def test_infer_bodies_are_read_alike(body):
    assert_agreement(parse_infer, body)


@given(
    st.integers(0, 30), st.sampled_from(["[[1,2]]", ",", "]", "[", "[],", "x", '"', "true,", " "])
)
def test_what_stands_in_a_list_at_any_place_is_read_alike(at, wrong):
    rows = json.dumps([[k + 0.5, -k] for k in range(40)])
    place = rows.index(",", 7 * at)
    body = f'{{"inputs": {rows[:place]}{wrong}{rows[place:]}}}'

    assert in_pieces(parse_plain, body) == outcome(parse_plain, body)


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("flat", [False, True])
def test_a_tensor_is_read_alike_wherever_its_keys_stand(flat, indent):
    data = ROWS.reshape(-1).tolist() if flat else ROWS.tolist()
    tensor = {"name": "input", "datatype": "FP32", "shape": ROWS.shape, "data": data}
    for pairs in (list(tensor.items()), list(tensor.items())[::-1]):
        body = json.dumps({"inputs": [dict(pairs)], "id": "[1, 2, 3]"}, indent=indent)
        assert in_pieces(parse_infer, body) == outcome(parse_infer, body) != "refused"


def large(rows: np.ndarray, **more: object) -> bytes:
    body = orjson.dumps({"inputs": rows} | more, option=orjson.OPT_SERIALIZE_NUMPY)
    assert len(body) > IN_LOOP_BYTES
    return body


WIDE: Any = SimpleNamespace(
    manifest=draft_of(dense(80, 2, 3), {"origin": toys.ORIGIN}), most_numbers=1024 * 80
)


def test_a_large_comparison_keeps_its_labels():
    body = large(MANY, model="m", labels=[2] * len(MANY))

    asked = parse_comparison(body, {"m": WIDE}.__getitem__)

    assert asked.rows.tobytes() == MANY.tobytes()
    assert asked.labels is not None
    assert asked.labels.tolist() == [2] * len(MANY)


def test_more_than_a_batch_is_refused_before_it_is_read():
    with pytest.raises(TooLarge, match="at most 81920 numbers"):
        parse_plain(large(np.concatenate([MANY, MANY])), b"", WIDE)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"id": "x" * 70_000}, "beside that list at most 65536 bytes"),
        ({"other": [[]] * 30_000}, "beside that list at most 65536 bytes"),
        ({"datatype": "FP8"}, "FP32 or UINT8"),
    ],
)
def test_a_large_body_is_large_by_its_numbers(more, said):
    with pytest.raises(InvalidInput, match=said):
        parse_plain(large(MANY, **more), b"", WIDE)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (b"true", "booleans"),
        (b"null", "null"),
        (b'"1"', "text"),
        (b"NaN", "NaN"),
        (b"[1]", "ragged"),
        (b"{}", "an object"),
        (b"1e39", "beyond 3.4e38"),
        (b"", "must be JSON"),
    ],
)
def test_what_is_wrong_in_the_middle_is_named(wrong, said):
    body = large(MANY)
    place = body.index(b",", len(body) // 2)

    with pytest.raises(InvalidInput, match=said):
        parse_plain(body[: place + 1] + wrong + body[body.index(b",", place + 1) :], b"", WIDE)
