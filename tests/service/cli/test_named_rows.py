"""`fff-serve predict` and `explain` of rows by name: JSON and tables, and the service's answers."""

import asyncio
import gzip
import json
from io import BytesIO

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from tests.service import named, toys
from tests.service.cli.rows_files import Command

ROWS = named.rows(30)
TABLE = pa.Table.from_pylist(ROWS)


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    return Command(monkeypatch, capsys, tmp_path)


@pytest.fixture
def store(tmp_path):
    return named.make_store(tmp_path / "store")


def written(write, table: pa.Table) -> bytes:
    stream = BytesIO()
    write(table, stream)
    return stream.getvalue()


def as_csv(table: pa.Table) -> bytes:
    return written(csv.write_csv, table)


FORMS = {
    "body": json.dumps({"rows": ROWS}).encode(),
    "rows": json.dumps(ROWS, indent=1).encode(),
    "csv": as_csv(TABLE),
    "csv-gz": gzip.compress(as_csv(TABLE)),
    "other-order": as_csv(TABLE.select([*reversed(TABLE.column_names)])),
    "parquet": written(parquet.write_table, TABLE),
    "numbers": json.dumps({"inputs": named.ENCODER.rows(ROWS).tolist()}).encode(),
}


@pytest.mark.parametrize("form", FORMS)
async def test_rows_of_any_form_are_answered_as_by_the_service(command, store, form):
    async with toys.running(store=store.root) as (_, client):
        served = await client.post("/v1/models/census/predict", json={"rows": ROWS})

    where = ("census", command.file("given", FORMS[form]), "--json", "--store", store.root)
    printed = await asyncio.to_thread(command.printed, "predict", *where)

    assert json.loads(printed) == served.json()


def test_one_object_is_one_row(command, store):
    where = ("predict", "census", "--json", "--store", store.root)
    one, listed = [
        command.ended(*where, stdin=json.dumps(rows).encode()) for rows in (ROWS[0], ROWS[:1])
    ]

    assert one == listed
    assert one[0] == 0


def test_an_explanation_takes_named_rows(command, store):
    where = ("explain", "census", "--json", "--store", store.root)
    by_name, by_number = [
        command.printed(where[0], where[1], command.file("given", FORMS[form]), *where[2:])
        for form in ("csv", "numbers")
    ]

    assert by_name == by_number


def test_columns_that_are_no_inputs_are_left_alone_with_a_word(command, store):
    more = TABLE.append_column("income", [list(range(len(ROWS)))])
    where = ("predict", "census", "--json", "--store", store.root)

    code, out, err = command.ended(*where, stdin=as_csv(more))

    assert (code, err) == (
        0,
        "standard input: columns that are no inputs are left alone: 'income'\n",
    )
    assert out == command.ended(*where, stdin=as_csv(TABLE))[1]


def test_a_long_json_file_is_read_like_a_short_one(command, store):
    """More rows than a request may hold, in a body that the service reads in pieces."""
    where = ("predict", "census", "--json", "--store", store.root)
    rows = named.rows(5000)

    long = json.loads(command.ended(*where, stdin=json.dumps(rows).encode())[1])
    short = json.loads(command.ended(*where, stdin=json.dumps(rows[4990:]).encode())[1])

    assert len(long["outputs"]) == 5000
    assert long["leaves"][4990:] == short["leaves"]


CSV = b"age,work,married,hours\n39,state,true,40\n"
WRONG = {
    "null": (json.dumps([ROWS[0] | {"age": None}]).encode(), "row 0, counted from 0, column 'age'"),
    "missing-column": (b"age,work,married\n39,state,true\n", "there is no column 'hours'; there"),
    "missing-value": (CSV + b",state,true,40\n", "row 2 after the header, column 'age': a number"),
    "text": (CSV + b"x,state,true,40\n", "row 2 after the header, column 'age': a number was exp"),
    "category": (CSV + b"1,x,true,40\n", "row 2 after the header, column 'work': one of 'private"),
    "ragged": (CSV + b"1,state\n", "a table was expected: CSV parse error: Expected 4 columns"),
}


@pytest.mark.parametrize(("content", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_by_file_row_and_column(command, store, content, said):
    file = command.file("given.csv", content)

    code, out, err = command.ended("predict", "census", file, "--store", store.root)

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"{file}: " in err
    assert said in err


@pytest.mark.parametrize("form", ["rows", "csv", "parquet"])
def test_rows_by_name_have_no_datatype(command, store, form):
    options = ("--datatype", "FP32", "--store", store.root)

    code, _, err = command.ended("predict", "census", *options, stdin=FORMS[form])

    assert code == 1
    assert "leave out --datatype" in err


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("rows", "this model's inputs have no names"),
        ("parquet", "tables are for models whose inputs have names"),
        ("csv", "expected .npy, .npz, JSON"),
    ],
)
def test_a_model_without_names_takes_none(command, store, form, said):
    code, _, err = command.ended("predict", "toy", "--store", store.root, stdin=FORMS[form])

    assert code == 1
    assert said in err
