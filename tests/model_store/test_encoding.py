import json
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.columns import CategoryColumn, Column, NumberColumn
from model_store.encoding import Encoder, RowsInvalid, category_text

AGE = NumberColumn(name="age", offset=38.6, scale=13.6)
WORK = CategoryColumn(name="work", values=["private", "state", "self"])
CODE = CategoryColumn(name="code", values=["false", "true", "7"])
HOURS = NumberColumn(name="hours")
COLUMNS: Sequence[Column] = (AGE, WORK, CODE, HOURS)
ENCODER = Encoder(COLUMNS)
ROW: dict[str, Any] = {"age": 39, "work": "state", "code": "7", "hours": 40.5}

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "age": st.floats(-1e30, 1e30) | st.integers(-(10**18), 10**18),
            "work": st.sampled_from(WORK.values),
            "code": st.sampled_from([*CODE.values, False, True, 7]),
            "hours": st.floats(-1e30, 1e30),
        }
    ),
    min_size=1,
    max_size=9,
)


def test_a_row_becomes_scaled_numbers_and_one_of_each_category() -> None:
    age = np.float32((39 - 38.6) / 13.6)

    assert ENCODER.rows([ROW]).tolist() == [[age, 0, 1, 0, 0, 0, 1, 40.5]]
    assert ENCODER.width == 8


@given(ROWS)
def test_a_number_is_computed_in_float64_and_rounded_once(rows: list[dict[str, Any]]) -> None:
    expected = [np.float32((float(row["age"]) - AGE.offset) / AGE.scale) for row in rows]

    assert ENCODER.rows(rows)[:, 0].tolist() == expected


@given(ROWS)
def test_every_category_has_one_place(rows: list[dict[str, Any]]) -> None:
    encoded = ENCODER.rows(rows)

    for start, column in ((1, WORK), (4, CODE)):
        part = encoded[:, start : start + column.width]
        named = [category_text(row[column.name]) for row in rows]
        assert [column.values[place] for place in part.argmax(axis=1)] == named
        assert (part.sum(axis=1) == 1).all()
        assert set(np.unique(part)) <= {0.0, 1.0}


@given(ROWS)
def test_a_row_is_encoded_alike_in_any_company_and_form(rows: list[dict[str, Any]]) -> None:
    together = ENCODER.rows(rows)
    table: dict[str, Any] = {name: [row[name] for row in rows] for name in ROW}
    table["age"] = np.array(table["age"], np.float64)

    assert np.array_equal(together, np.concatenate([ENCODER.rows([row]) for row in rows]))
    assert np.array_equal(together, ENCODER.rows([dict(reversed(row.items())) for row in rows]))
    assert np.array_equal(together, ENCODER.columns(table | {"other": [None] * len(rows)}))


def test_columns_of_one_type_alone_are_enough() -> None:
    assert Encoder([HOURS]).rows([{"hours": 3}, {"hours": 4}]).tolist() == [[3], [4]]
    assert Encoder([WORK]).rows([{"work": "self"}]).tolist() == [[0, 0, 1]]


NAN, INF = math.nan, math.inf
REFUSED: dict[str, tuple[object, str]] = {  # what the message says, by what is put in
    "no-row": ([39, "state"], "an object was expected that names 'age', 'work'"),
    "null-row": (None, "an object was expected that names 'age', .*; got null"),
    "missing": ({"work": "state", "code": "7", "hours": 1}, "column 'age': the column is missing"),
    "unknown": (ROW | {"sex": "f"}, "column 'sex': the column is unknown; known are 'age', 'work'"),
    "misspelt": (
        {"Age": 39, "work": "state", "code": "7", "hours": 1},
        "column 'age': the column is missing; unknown: 'Age'",
    ),
    "null-number": (ROW | {"age": None}, "column 'age': a number was expected, got null"),
    "nan": (ROW | {"age": NAN}, "column 'age': a number was expected, got NaN"),
    "infinite": (ROW | {"age": -INF}, "column 'age': a finite number was expected, got -inf"),
    "too-long": (ROW | {"age": 10**400}, "column 'age': a finite number was expected, got inf"),
    "too-large": (
        ROW | {"hours": 1e39},
        r"column 'hours': a number that float32 holds once it is scaled was expected, got 1e\+39",
    ),
    "text-number": (ROW | {"age": "39"}, "column 'age': a number was expected, got '39'"),
    "empty-number": (ROW | {"age": ""}, "column 'age': a number was expected, got empty text"),
    "boolean-number": (ROW | {"age": True}, "column 'age': a number was expected, got true"),
    "listed-number": (ROW | {"age": [39]}, r"column 'age': a number was expected, got \[39\]"),
    "unknown-category": (
        ROW | {"work": "State"},
        "column 'work': one of 'private', 'state', 'self' was expected, got 'State'",
    ),
    "null-category": (ROW | {"work": None}, "column 'work': one of .* was expected, got null"),
    "empty-category": (ROW | {"work": ""}, "column 'work': .* was expected, got empty text"),
    "nan-category": (ROW | {"work": NAN}, "column 'work': one of .* was expected, got NaN"),
    "fractional-category": (ROW | {"code": 7.0}, "column 'code': one of .* got 7.0"),
    "unknown-number-category": (ROW | {"code": 8}, "column 'code': one of .* got 8"),
    "boolean-category": (ROW | {"work": False}, "column 'work': one of .* got false"),
    "listed-category": (ROW | {"work": ["state"]}, r"column 'work': one of .* got \['state'\]"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_row_is_refused_by_row_and_column(case: str) -> None:
    row, message = REFUSED[case]

    with pytest.raises(RowsInvalid, match=f"^row 2, counted from 0.*{message}") as caught:
        ENCODER.rows([ROW, ROW, row, ROW])

    assert caught.value.row == 2


@pytest.mark.parametrize("case", REFUSED)
def test_rows_count_on_from_those_before(case: str) -> None:
    row, message = REFUSED[case]

    with pytest.raises(RowsInvalid, match=f"^row 102, counted from 0.*{message}"):
        ENCODER.rows([ROW, ROW, row], first=100)


def test_a_missing_value_of_an_array_is_refused() -> None:
    ages = np.array([1.0, NAN])

    with pytest.raises(RowsInvalid, match="row 1, .*column 'age': a number was expected, got NaN"):
        Encoder([AGE]).columns({"age": ages})


def test_a_missing_array_is_refused() -> None:
    with pytest.raises(RowsInvalid, match="^column 'age': the column is missing; there are 'work'"):
        ENCODER.columns({"work": ["state"]})


def test_an_error_stays_short_whatever_came() -> None:
    many = CategoryColumn(name="many", values=[f"value {k}" for k in range(1000)])

    with pytest.raises(RowsInvalid, match=re.escape("'value 7' and 992 more was")) as caught:
        Encoder([many]).rows([{"many": "x" * 100_000}])

    assert len(str(caught.value)) < 300


def test_whoever_read_the_rows_says_where_they_are() -> None:
    exc = RowsInvalid("a number was expected, got null", 2, "age")

    assert exc.told("row 3 of a.csv") == (
        "row 3 of a.csv, column 'age': a number was expected, got null"
    )


@given(st.integers() | st.booleans() | st.text())
def test_a_category_is_called_as_json_writes_it(value: object) -> None:
    written = json.dumps(value, ensure_ascii=False)
    assert category_text(value) == (value if isinstance(value, str) else written)
