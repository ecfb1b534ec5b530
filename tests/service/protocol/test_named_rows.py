"""
Rows by name: a large body, read a few rows at a time, gives what a short one gives.

The law: whatever the body, blanks and commas behind it that make it large change nothing.
"""

import json
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.columns import CategoryColumn, Column, NumberColumn
from model_store.encoding import Encoder
from service.engine.offload import IN_LOOP_SLOW_BYTES, PIECE_BYTES
from service.errors import InvalidInput, ServiceError, TooLarge
from service.protocol import named_rows
from service.protocol.plain_json import parse_plain

EXOTIC = ['"', "\\", "}", "{", "]", "[", ",", '"},{"', '\\"}]', "\n", "\u2028", "ä", "\\u0022", " "]
NAMES = ["a", 'b"},{', "c]}"]
COLUMNS: list[Column] = [
    NumberColumn(name=NAMES[0], offset=0.5, scale=3.0),
    CategoryColumn(name=NAMES[1], values=EXOTIC),
    CategoryColumn(name=NAMES[2], values=[*EXOTIC, *map(str, range(50))]),
]
ENCODER = Encoder(COLUMNS)
MANIFEST = SimpleNamespace(input_width=ENCODER.width, uint8=None, encoder=ENCODER, vocabulary=0)
MODEL: Any = SimpleNamespace(manifest=MANIFEST, most_numbers=10_000 * ENCODER.width)
ROW = st.fixed_dictionaries(
    {
        NAMES[0]: st.floats(-1e30, 1e30) | st.integers(-(2**40), 2**40),
        NAMES[1]: st.sampled_from(EXOTIC),
        NAMES[2]: st.sampled_from(EXOTIC) | st.integers(0, 49),
    }
)


def outcome(body: bytes) -> object:
    """The rows' bytes, or the error."""
    try:
        rows = parse_plain(body, b"", MODEL).rows
    except ServiceError as exc:
        return type(exc), str(exc)
    return rows.shape, rows.tobytes()


def large(body: bytes) -> bytes:
    """The same object, which blanks between its rows make too large to be read at once."""
    return body.replace(b"[", b"[" + b" " * (PIECE_BYTES // 2) + b"\n" * 100, 1).ljust(
        IN_LOOP_SLOW_BYTES + 1
    )


@given(st.lists(ROW, min_size=1, max_size=30), st.booleans(), st.sampled_from([None, 1]))
def test_a_large_body_gives_the_rows_of_a_short_one(
    rows: list[dict[str, Any]], escaped: bool, indent: int | None
) -> None:
    body = json.dumps({"rows": rows}, ensure_ascii=escaped, indent=indent).encode()

    expected = ENCODER.rows(rows)
    assert outcome(body) == outcome(large(body)) == (expected.shape, expected.tobytes())


def test_a_body_of_many_pieces_gives_every_row_in_order() -> None:
    rows = [{NAMES[0]: k, NAMES[1]: EXOTIC[k % 14], NAMES[2]: k % 50} for k in range(9000)]
    body = json.dumps({"rows": rows}).encode()
    assert len(body) > 5 * PIECE_BYTES

    assert np.array_equal(parse_plain(body, b"", MODEL).rows, ENCODER.rows(rows))


GOOD = {NAMES[0]: 1.5, NAMES[1]: "}", NAMES[2]: 7}
WRONG: dict[str, tuple[object, str]] = {  # the message for the third row, short or long
    "null": (GOOD | {"a": None}, "column 'a': a number was expected, got null"),
    "missing": ({"a": 1}, "column 'b\"},{': the column is missing"),
    "category": (GOOD | {NAMES[2]: 50}, "column 'c]}': one of '\"', "),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_value_is_named_alike_in_a_large_body(case: str) -> None:
    row, message = WRONG[case]
    body = json.dumps({"rows": [GOOD, GOOD, row, GOOD]}).encode()

    for each in (body, large(body)):
        with pytest.raises(
            InvalidInput, match=re.escape(f"rows: row 2, counted from 0, {message}")
        ):
            parse_plain(each, b"", MODEL)


def test_a_wrong_value_far_into_a_large_body_is_named_by_its_row() -> None:
    rows = [GOOD] * 5000 + [GOOD | {"a": "x"}] + [GOOD] * 100

    with pytest.raises(InvalidInput, match="rows: row 5000, counted from 0, column 'a': a number"):
        parse_plain(json.dumps({"rows": rows}).encode(), b"", MODEL)


NO_ROWS = {
    "no-list": b'{"rows": {"a": 1}}',
    "empty": b'{"rows": []}',
    "null": b'{"rows": null}',
    "numbers": b'{"rows": [[1, 2]]}',
    "another-field": b'{"rows": [{"a": 1}], "datatype": "FP32"}',
    "inputs-beside": b'{"rows": [{"a": 1}], "inputs": [[1]]}',
    "nested-elsewhere": b'{"inputs": {"rows": [{"a": 1}]}}',
    "within-a-text": b'{"inputs": "\\"rows\\": [{"}',
}


@pytest.mark.parametrize("body", NO_ROWS.values(), ids=NO_ROWS)
def test_what_are_no_rows_is_refused_short_and_large(body: bytes) -> None:
    for each in (body, body.ljust(IN_LOOP_SLOW_BYTES + 1)):
        with pytest.raises(InvalidInput):
            parse_plain(each, b"", MODEL)


BROKEN = {
    "nested-list": b'{"rows": [{"a": 1}, {"a": [1]}, {"a": 1}]}',
    "nested-object": b'{"rows": [{"a": 1}, {"a": {"b": 1}}]}',
    "number-among-rows": b'{"rows": [{"a": 1}, 7]}',
    "no-comma": b'{"rows": [{"a": 1} {"a": 1}]}',
    "no-end": b'{"rows": [{"a": 1}, ',
    "comma-at-the-end": b'{"rows": [{"a": 1}, ]}',
    "open-text": b'{"rows": [{"a": 1}, {"a": "',
    "no-number": b'{"rows": [{"a": 01}]}',
    "after-it": b'{"rows": [{"a": 1}]} x',
    "no-utf8": b'{"rows": [{"a": "\xff"}]}',
    "huge-row": b'{"rows": [{"a": "' + b"x" * PIECE_BYTES + b'"}]}',
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_large_body_that_is_broken_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"row \d, counted from 0: an object|must be JSON"):
        parse_plain(body.ljust(IN_LOOP_SLOW_BYTES + 1), b"", MODEL)


def test_little_may_stand_beside_large_rows() -> None:
    body = b'{"rows": [{"a": 1}], "comment": "' + b"x" * IN_LOOP_SLOW_BYTES + b'"}'

    with pytest.raises(InvalidInput, match="at most 65536 bytes beside its rows, got 655"):
        parse_plain(body, b"", MODEL)


def test_more_rows_than_a_batch_are_refused_before_they_are_read() -> None:
    body = json.dumps({"rows": [{"no": "column"}] * 10_001}).encode()

    with pytest.raises(TooLarge, match="at most 10000 rows, got 10001"):
        parse_plain(body, b"", MODEL)


def test_rows_are_read_a_few_at_a_time() -> None:
    body = json.dumps({"rows": [GOOD] * 9000}).encode()

    read = named_rows.read(body)

    assert read is not None
    groups = [len(group) for group in read["rows"].groups()]
    assert sum(groups) == read["rows"].total == 9000
    assert max(groups) * len(json.dumps(GOOD)) < PIECE_BYTES / 2
