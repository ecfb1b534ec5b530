"""Tables from files: what is read, and by which row and column what is wrong is told."""

import gzip
import re
import sys
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from evaluation.errors import DatasetError
from evaluation.table_file import Table, read_table

CSV = b"age,work,married\n39,state,true\n50.5,self,false\n"


def csv(text: str | bytes, **more: Any) -> Table:
    return read_table(text if isinstance(text, bytes) else text.encode(), "a.csv", **more)


def parquet_of(columns: dict[str, Any]) -> bytes:
    stream = BytesIO()
    parquet.write_table(pa.table(columns), stream)
    return stream.getvalue()


def parquets(columns: dict[str, Any]) -> Table:
    return read_table(parquet_of(columns), "a.parquet")


def test_a_column_is_numbers_or_texts_by_what_it_holds() -> None:
    table = csv(CSV)

    assert (table.names, table.rows, table.source) == (("age", "work", "married"), 2, "a.csv")
    assert [table.kind(name) for name in table.names] == ["number", "category", "category"]
    assert table.numbers("age").tolist() == [39.0, 50.5]
    assert table.texts("work") == ["state", "self"]
    assert table.texts("married") == ["true", "false"]
    assert table.distinct("work") == {"self", "state"}


def test_a_file_is_told_by_its_content_not_by_its_name(tmp_path: Path) -> None:
    columns = {"age": [39.0, 50.5], "work": ["state", "self"], "married": [True, False]}
    contents = {"csv": CSV, "gz": gzip.compress(CSV), "parquet": parquet_of(columns)}
    read = []
    for name, content in contents.items():
        file = tmp_path / f"{name}.table"
        file.write_bytes(content)
        table = read_table(file)
        assert table.source == str(file)
        read.append((table.names, table.numbers("age").tolist(), table.texts("married")))

    assert read[0] == read[1] == read[2]


def test_types_are_told_from_the_whole_file() -> None:
    """Not from its beginning: pyarrow would by default look at the first megabyte."""
    rows = "".join(f"{k}\n" for k in range(300_000))

    assert csv(f"a\n{rows}0.5\n").numbers("a")[-1] == 0.5
    assert csv(f"a\n{rows}x\n").kind("a") == "category"


def test_columns_can_be_said_to_be_texts() -> None:
    assert csv("a,b\n01,2\n1,2\n", texts=["a", "not there"]).texts("a") == ["01", "1"]


NUMBERS = {
    "whole": pa.array([1, 2], pa.uint8()),
    "large": pa.array([2**60, -(2**60)], pa.int64()),
    "half": pa.array(np.array([1, 2], np.float16)),
    "decimal": pa.array([Decimal("1.5"), Decimal("2.5")]),
    "sliced": pa.chunked_array([[1.0], [2.0]]),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_numbers_of_any_type_are_numbers(case: str) -> None:
    table = parquets({"a": NUMBERS[case]})

    assert table.kind("a") == "number"
    assert table.numbers("a").tolist() == [float(x) for x in NUMBERS[case].to_pylist()]


TEXTS: dict[str, tuple[Any, list[str]]] = {
    "large": (pa.array(["x", "y"], pa.large_string()), ["x", "y"]),
    "dictionary": (pa.array(["x", "y"]).dictionary_encode(), ["x", "y"]),
    "boolean": (pa.array([True, False]), ["true", "false"]),
    "dictionaries": (
        pa.chunked_array(
            [pa.array(["x"]).dictionary_encode(), pa.array(["y"]).dictionary_encode()]
        ),
        ["x", "y"],
    ),
}


@pytest.mark.parametrize("case", TEXTS)
def test_texts_booleans_and_dictionaries_are_categories(case: str) -> None:
    values, texts = TEXTS[case]
    table = parquets({"a": values})

    assert table.kind("a") == "category"
    assert table.texts("a") == texts
    assert table.distinct("a") == {*texts}


def test_whole_numbers_can_be_taken_as_categories() -> None:
    assert parquets({"a": [7, 8, 7]}).texts("a") == ["7", "8", "7"]


def test_the_index_that_pandas_adds_is_no_column() -> None:
    assert parquets({"a": [1], "__index_level_0__": [5]}).names == ("a",)


def refused(table: Table, name: str, message: str) -> None:
    """By each way to take a column, where the message says so of either."""
    take = table.numbers if "number" in message else table.texts
    with pytest.raises(DatasetError, match=f"^{re.escape(message)}"):
        take(name)


MISSING = {
    "empty-number": ("a,b\n1,x\n,y\n", "a", "a number was expected, got none"),
    "na-number": ("a,b\n1,x\nNA,y\n", "a", "a number was expected, got none"),
    "nan": ("a,b\n1,x\nnan,y\n", "a", "a number was expected, got none"),
    "infinite": ("a,b\n1,x\n-inf,y\n", "a", "a finite number was expected, got -inf"),
    "empty-text": ("a,b\n1,x\n1,\n", "b", "the name of a category was expected, got none"),
    "quoted-empty-text": ('a,b\n1,x\n1,""\n', "b", "the name of a category was expected, got none"),
    "empty-boolean": ("a,b\n1,true\n1,\n", "b", "the name of a category was expected, got none"),
    "text-for-number": ("a,b\n1,x\n2k,x\n", "a", "a number was expected, got '2k'"),
}


@pytest.mark.parametrize("case", MISSING)
def test_a_wrong_value_of_csv_is_told_by_row_and_column(case: str) -> None:
    text, name, message = MISSING[case]

    refused(csv(text), name, f"a.csv: row 2 after the header, column {name!r}: {message}")


def test_a_row_is_counted_as_rows_are_not_as_lines() -> None:
    table = csv('a,b\n"x\ny",1\n\nz,\n')

    refused(table, "b", "a.csv: row 2 after the header, column 'b': a number was expected")


NULLS = {
    "number": ([1, None], "a number was expected, got none"),
    "nan": ([1.0, float("nan")], "a number was expected, got none"),
    "text": (["x", None], "the name of a category was expected, got none"),
    "boolean": ([True, None], "the name of a category was expected, got none"),
    "dictionary": (pa.array(["x", None]).dictionary_encode(), "the name of a category was expect"),
    "fraction": ([1.0, 1.5], "the name of a category was expected, got 1.0"),
}


@pytest.mark.parametrize("case", NULLS)
def test_a_wrong_value_of_parquet_is_told_by_row_and_column(case: str) -> None:
    values, message = NULLS[case]
    row = 1 if case == "fraction" else 2

    refused(parquets({"a": values}), "a", f"a.parquet: row {row}, column 'a': {message}")


def test_a_category_that_is_missing_is_refused_in_the_list_of_them_too() -> None:
    with pytest.raises(DatasetError, match="row 2, column 'a': the name of a category was exp"):
        parquets({"a": ["x", None]}).distinct("a")


OTHER = {
    "date": ([date(2020, 1, 1)], "holds dates or times (date32[day]), which are no input: leave"),
    "time": ([datetime(2020, 1, 1)], "holds dates or times (timestamp[us]), which are no input"),
    "list": ([[1, 2]], "must hold numbers or texts, got list<"),
    "object": ([{"x": 1}], "must hold numbers or texts, got struct<"),
    "bytes": ([b"x"], "must hold numbers or texts, got binary"),
    "nothing": (pa.nulls(3), "a value was expected, the column has none"),
}


@pytest.mark.parametrize("case", OTHER)
def test_what_is_neither_numbers_nor_texts_is_refused(case: str) -> None:
    values, message = OTHER[case]
    table = parquets({"a": values})

    for take in (table.kind, table.numbers, table.texts, table.distinct):
        with pytest.raises(DatasetError, match=f"column 'a': {re.escape(message)}"):
            take("a")


@pytest.mark.parametrize("text", ["2020-01-01", "2020-01-01 10:00", "12:30"])
def test_dates_of_csv_are_refused(text: str) -> None:
    with pytest.raises(DatasetError, match="^a.csv: column 'when': holds dates or times"):
        csv(f"when,b\n{text},1\n").kind("when")


def test_numbers_that_are_written_as_text_are_no_numbers() -> None:
    with pytest.raises(DatasetError, match="'a': must hold numbers, got numbers that are written"):
        parquets({"a": ["1", "2"]}).numbers("a")
    with pytest.raises(DatasetError, match="row 1, column 'a': a number was expected, got True"):
        parquets({"a": [True]}).numbers("a")


def test_a_column_that_is_not_there_is_refused_with_those_that_are() -> None:
    for take in (csv(CSV).kind, csv(CSV).numbers, csv(CSV).texts, csv(CSV).distinct):
        with pytest.raises(DatasetError, match="^a.csv: there is no column 'Age'; there are 'age'"):
            take("Age")


BROKEN: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "a table was expected: Empty CSV file"),
    "no-rows": (b"a,b\n", "at least one row was expected, got none"),
    "ragged": (
        b"a,b\n1,2\n3\n",
        "a table was expected: CSV parse error: Expected 2 columns, got 1",
    ),
    "same-names": (b"a,a\n1,2\n", "names of columns must differ, got 'a' twice"),
    "header-not-utf-8": (b"\xff,b\n1,2\n", "a header in UTF-8 was expected"),
    "broken-parquet": (b"PAR1" + b"\0" * 20, "Parquet"),
    "cut-gzip": (gzip.compress(CSV * 1000)[:-20], "cannot be read: "),
    "no-parquet-rows": (parquet_of({"a": pa.array([], pa.int64())}), "at least one row"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_table_is_refused(case: str) -> None:
    content, message = BROKEN[case]

    with pytest.raises(DatasetError, match=f"^the file: .*{message}"):
        read_table(content, "the file")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="none.csv: cannot be read: No such file"):
        read_table(tmp_path / "none.csv")


def test_without_pyarrow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(DatasetError, match="needs the extra tables: make install EXTRAS=tables"):
        read_table(CSV)
