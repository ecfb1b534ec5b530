"""
Two readers of the same JSON agree: simdjson where it is plain, orjson for everything.

Bodies are made as text, so that what no serializer writes is among them: exotic numbers, doubled
keys, ragged and nested lists, brackets in strings, rubbish.
"""

from functools import partial
from math import inf
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.manifest import Uint8Scaling
from model_store.publishing import draft_of
from service.errors import InvalidInput
from service.protocol import json_numbers as json_rows
from service.protocol.infer_request import parse_infer
from service.protocol.plain_json import parse_comparison, parse_plain
from tests.fff.networks import dense
from tests.service import toys

WIDTH = 2
PIXELS = Uint8Scaling(scale=1 / 255, shift=-0.5)
MANIFEST = draft_of(dense(WIDTH, 2, 3), {"origin": toys.ORIGIN, "uint8": PIXELS})
MOST = 1024 * WIDTH
# All that a reader asks of a served model.
MODEL: Any = SimpleNamespace(manifest=MANIFEST, most_numbers=MOST)
WITHOUT_PIXELS: Any = SimpleNamespace(
    manifest=MANIFEST.model_copy(update={"uint8": None}), most_numbers=MOST
)

SPACE = st.sampled_from(["", " ", "\n\t ", "\r\n"])
EXOTIC = [
    *("0", "-0", "-0.0", "0.0", "7", "-7", "255", "256", "1.0", "2.50", "0.1"),
    *("1e5", "1E+2", "1e-7", "1e38", "3.4e38", "3.5e38", "1e-45", "1e-46", "1e-400", "1e400"),
    *("4.9e-324", "2.2250738585072011e-308", "0.30000001192092896", "16777217", "16777219"),
    "1.00000005960464477539062499999999999999999999",  # just below half between two float32
    "1152921573326323713",  # just above half, which float64 does not see
    *("9007199254740993", "9223372036854775807", "9223372036854775808"),
    *("-9223372036854775808", "-9223372036854775809"),
    *("18446744073709551615", "18446744073709551616", "123456789012345678901234567890"),
]
NO_NUMBER = [
    *("NaN", "Infinity", "-Infinity", "nan", "null", "true", "01", "1.", ".5", "+1", "-", "1e"),
    *("0x1", "1_0", "1e+", "--1", "\u0661", '"1"', '""', '"["', '"\\u005b"'),
    *("{}", "[]", "[1]", "[[1]]", '{"a":1}'),
]
NUMBER = st.one_of(
    st.sampled_from(EXOTIC),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(2**70), 2**70).map(str),
    st.integers(0, 255).map(str),
)


def listed(parts: list[str], space: str = "") -> str:
    return f"[{space}" + f"{space},{space}".join(parts) + f"{space}]"


ROW = st.lists(NUMBER, min_size=WIDTH, max_size=WIDTH)
REGULAR = st.lists(ROW, min_size=1, max_size=4)
NESTED = st.builds(lambda rows, s: listed([listed(row, s) for row in rows], s), REGULAR, SPACE)
FLAT = st.builds(lambda rows, s: listed(sum(rows, []), s), REGULAR, SPACE)
RAGGED = st.lists(st.lists(NUMBER, max_size=3).map(listed), max_size=4).map(listed)
ANYTHING = st.recursive(
    st.one_of(NUMBER, st.sampled_from(NO_NUMBER)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(listed),
        st.lists(inner, max_size=3).map(lambda parts: '{"a": ' + (parts or ["1"])[0] + "}"),
    ),
    max_leaves=8,
)
SPOILED = st.builds(
    lambda rows, wrong, at: listed([listed([wrong, *row][:WIDTH] if k == at else row)
                                    for k, row in enumerate(rows)]),
    REGULAR, st.sampled_from(NO_NUMBER), st.integers(0, 3),
)  # fmt: skip
DATA = st.one_of(NESTED, FLAT, RAGGED, SPOILED, ANYTHING)
DATATYPE = st.sampled_from(['"FP32"', '"UINT8"', '"FP32"', '"FP8"', "null", "7", '["FP32"]'])
ID = st.sampled_from(['"7"', '"[["', '"\\ud800"', '"\\"]"', "7", "null", '"\\u0000"', '"é"'])


def written(pairs: list[tuple[str, str]], space: str) -> str:
    return "{" + f"{space},{space}".join(f'"{k}"{space}:{space}{v}' for k, v in pairs) + "}"


@st.composite
def doubled(draw: st.DrawFn, pairs: list[tuple[str, str]]) -> str:
    """An object, its keys in any order and some of them twice, with other values."""
    again = [(key, draw(st.sampled_from([value, '"FP32"', '"UINT8"', "7", "null", "[[1,2]]"])))
             for key, value in pairs if draw(st.integers(0, 9)) == 0]  # fmt: skip
    return written(draw(st.permutations(pairs + again)), draw(SPACE))


@st.composite
def plain_bodies(draw: st.DrawFn) -> str:
    pairs = [("inputs", draw(DATA))]
    if draw(st.booleans()):
        pairs.append(("datatype", draw(DATATYPE)))
    return draw(doubled(pairs)) + draw(st.sampled_from(["", "", "", " ", "x", "{}", "\0"]))


@st.composite
def infer_bodies(draw: st.DrawFn) -> str:
    shape = draw(st.sampled_from(["[1,2]", "[2,2]", "[3,2]", "[4,2]", "[ 1 ,2]", "[1.0,2]", "2"]))
    tensor = [("name", '"input"'), ("shape", shape), ("datatype", draw(DATATYPE))]
    top = [("inputs", "[" + draw(doubled([*tensor, ("data", draw(DATA))])) + "]")]
    if draw(st.booleans()):
        top.append(("id", draw(ID)))
    if draw(st.booleans()):
        top.append(("outputs", draw(st.sampled_from(['[{"name":"leaf"}]', "[]", "[[]]", "{}"]))))
    if draw(st.booleans()):
        parameters = ['{"timeout":9}', "{}", '{"a":[1]}', '{"timeout":1,"timeout":0}', "[]"]
        top.append(("parameters", draw(st.sampled_from(parameters))))
    return draw(doubled(top))


@st.composite
def compare_bodies(draw: st.DrawFn) -> str:
    rows = draw(st.integers(1, 3))
    data = listed([listed(draw(ROW)) for _ in range(rows)])
    label = st.sampled_from(["0", "2", "-0", "3", "1.0", "true", "null", "1e0", "[0]", "1" * 30])
    labels = [draw(st.one_of(st.just("1"), label)) for _ in range(rows)]
    model = draw(st.sampled_from(['"m"', '"m"', '"\\u006d"', '"x"', "1", "null", "[]"]))
    pairs = [("model", model), ("inputs", draw(st.one_of(st.just(data), DATA)))]
    if draw(st.booleans()):
        pairs.append(("labels", draw(st.sampled_from([listed(labels), "null", "{}", "[]"]))))
    if draw(st.booleans()):
        pairs.append(("datatype", draw(DATATYPE)))
    return draw(doubled(pairs))


def outcome(parse, body: str, model: Any = MODEL):
    """Rows to the last bit, and what else was asked for; or that it is refused."""
    try:
        asked = parse(body.encode("utf-8"), b"", model)
    except InvalidInput:
        return "refused"
    assert asked.rows.dtype == np.float32
    return asked.rows.shape, asked.rows.tobytes(), asked.requested, asked.deadline_s < inf


def compared(body: str):
    """Rows and labels to the last bit; or why it is refused, as far as the readers agree on it."""
    try:
        asked = parse_comparison(body.encode("utf-8"), {"m": MODEL}.__getitem__)
    except (InvalidInput, KeyError) as refused:
        return type(refused)
    labels = None if asked.labels is None else asked.labels.tolist()
    return asked.rows.shape, asked.rows.tobytes(), labels


def assert_agreement(parse, body: str, outcome=outcome) -> None:
    fast = outcome(parse, body)
    with mock.patch.object(json_rows, "read", side_effect=json_rows.Irregular):
        slow = outcome(parse, body)
    assert fast == slow


@settings(max_examples=1500)
@given(plain_bodies())
def test_plain_bodies_are_read_alike(body):
    assert_agreement(parse_plain, body)


@settings(max_examples=500)
@given(compare_bodies())
def test_comparison_bodies_are_read_alike(body):
    assert_agreement(compared, body, outcome=lambda parse, body: parse(body))


@settings(max_examples=1500)
@given(infer_bodies())
def test_inference_bodies_are_read_alike(body):
    assert_agreement(parse_infer, body)


@pytest.mark.parametrize("depth", [2, 3, 100, 1023, 1024, 1025, 100_000])
@pytest.mark.parametrize("opened", ["[", '{"a":'])
def test_deep_nesting_is_refused_alike(depth, opened):
    closed = "]" if opened == "[" else "}"
    deep = opened * depth + "1" + closed * depth
    assert_agreement(parse_plain, f'{{"inputs": {deep}}}')
    for field in ("datatype", "shape", "id", "parameters", "outputs"):
        assert_agreement(parse_plain, f'{{"inputs": [[1, 2]], "{field}": {deep}}}')
        tensor = f'"name": "input", "shape": [1, 2], "datatype": "FP32", "{field}": {deep}'
        body = f'{{"inputs": [{{{tensor}, "data": [1, 2]}}], "{field}": {deep}}}'
        assert_agreement(parse_infer, body)


@pytest.mark.parametrize("number", EXOTIC)
@pytest.mark.parametrize("datatype", ["FP32", "UINT8"])
def test_every_exotic_number_is_read_alike_whoever_its_neighbours_are(number, datatype):
    # Whether FP32 looks like pixels depends on all of its numbers; this model takes none.
    of = partial(outcome, model=MODEL if datatype == "UINT8" else WITHOUT_PIXELS)
    read = []
    for neighbour in ("1", "0.5", "18446744073709551615", "-1"):
        body = f'{{"inputs": [[{number}, {neighbour}]], "datatype": "{datatype}"}}'
        assert_agreement(parse_plain, body, of)
        read.append(of(parse_plain, body))
    if datatype == "FP32":
        assert len({r if r == "refused" else r[1][:4] for r in read}) == 1


def test_the_fast_reader_reads_what_clients_send():
    """Otherwise the laws above would hold the slow one against itself."""
    for data in ("[[1, 2.5], [-3e2, 0]]", "[1, 2.5, -3e2, 0]"):
        plain = json_rows.read(f'{{"inputs": {data}}}'.encode(), lambda top: (top, "inputs"))
        assert plain["inputs"].ravel().tolist() == [1, 2.5, -300, 0]
