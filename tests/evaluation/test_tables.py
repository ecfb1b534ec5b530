"""Tables as samples: the target, inputs by type, and which rows are the test part."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from evaluation.errors import DatasetError
from evaluation.samples import Samples
from evaluation.table_file import read_table
from evaluation.table_samples import Meaning, encode_table
from evaluation.tables import TableForm, load_rows, load_tables
from model_store.columns import CategoryColumn, NumberColumn
from model_store.encoding import Encoder

RNG = np.random.default_rng(0)
ROWS = 100
TABLE = pa.table(
    {
        "id": np.arange(ROWS),
        "age": RNG.normal(40, 12, ROWS),
        "work": RNG.choice(["private", "state", "self"], ROWS),
        "children": RNG.integers(0, 5, ROWS),
        "married": RNG.integers(0, 2, ROWS).astype(bool),
        "income": RNG.normal(3e4, 1e4, ROWS),
    }
)
PRICE = TableForm("income", left_out=("id",))
WORK = TableForm("work", left_out=("id",))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    csv.write_csv(TABLE, tmp_path / "people.csv")
    return tmp_path / "people.csv"


def write(folder: Path, **parts: str) -> Path:
    for name, text in parts.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def test_a_number_is_predicted_as_a_regression(file: Path) -> None:
    train, test = load_tables(file, PRICE)

    assert (train.task, train.output_width, train.classes) == ("regression", 1, None)
    assert train.targets is not None
    assert train.targets[0].name == "income"
    assert train.targets[0].mean == pytest.approx(train.y.mean(), rel=1e-5)
    assert train.targets[0].tolerance == pytest.approx(train.y.std() / 20, rel=1e-4)
    assert {*np.concatenate([train.y, test.y])[:, 0]} == {*TABLE["income"].to_numpy().astype("f4")}


def test_a_text_is_predicted_by_its_class(file: Path) -> None:
    train, test = load_tables(file, WORK)

    assert (train.task, train.output_width, train.targets) == ("classification", 3, None)
    assert train.classes == test.classes == ("private", "self", "state")
    assert train.inputs is not None
    assert [column.name for column in train.inputs] == ["age", "children", "married", "income"]


def test_whole_numbers_are_values_unless_they_are_said_to_be_classes(file: Path) -> None:
    values, _ = load_tables(file, TableForm("children"))
    classes, _ = load_tables(file, TableForm("children", categories=("children",)))

    assert (values.task, values.output_width) == ("regression", 1)
    assert classes.classes == ("0", "1", "2", "3", "4")


def test_a_boolean_is_predicted_by_its_class(file: Path) -> None:
    assert load_tables(file, TableForm("married"))[0].classes == ("false", "true")


def test_a_column_is_a_number_or_a_category_by_its_type(file: Path) -> None:
    as_numbers, _ = load_tables(file, PRICE)
    as_told, _ = load_tables(file, TableForm("income", ("children",), ("id",)))

    assert as_numbers.inputs is not None
    assert as_told.inputs is not None
    kinds = [column.type for column in as_numbers.inputs]
    assert kinds == ["number", "category", "number", "category"]
    assert as_told.inputs[2] == CategoryColumn(name="children", values=list("01234"))


def test_csv_and_parquet_give_the_same_samples(tmp_path: Path, file: Path) -> None:
    parquet.write_table(TABLE, tmp_path / "people.parquet")
    (tmp_path / "people.csv.gz").write_bytes(gzip.compress(file.read_bytes()))
    files = [file, tmp_path / "people.parquet", tmp_path / "people.csv.gz"]

    for form in (PRICE, WORK, TableForm("work", ("children",))):
        hashes = [tuple(part.sha256 for part in load_tables(each, form)) for each in files]
        assert len({*hashes}) == 1


def test_scales_are_learnt_from_the_training_part_alone(file: Path) -> None:
    train, test = load_tables(file, PRICE)
    assert train.inputs is not None
    age = train.inputs[0]
    assert isinstance(age, NumberColumn)

    own = train.x[:, 0] * age.scale + age.offset
    assert own.mean() == pytest.approx(age.offset, rel=1e-5)
    assert (own.min(), own.max()) == pytest.approx((age.low, age.high))
    assert test.x[:, 0].mean() != pytest.approx(0, abs=1e-3)


def test_a_fifth_of_the_rows_is_held_out_always_the_same(file: Path) -> None:
    def ages(part: Samples) -> set[float]:
        return {*part.y[:, 0]}

    train, test = load_tables(file, PRICE)
    assert train.inputs is not None
    assert train.targets is not None
    again = load_tables(file, TableForm("income", ("children",)))[1]
    later = load_rows(file, Meaning(train.inputs, "income", train.targets[0]), held_out=True)

    assert (len(train), len(test)) == (80, 20)
    assert len(ages(train) | ages(test)) == ROWS
    assert ages(test) == ages(again)
    assert later.sha256 == test.sha256
    assert (train.name, test.name) == (f"{file} (training)", f"{file} (test)")


def test_a_folder_has_a_file_for_each_part(tmp_path: Path) -> None:
    csv.write_csv(TABLE[:70], tmp_path / "train.csv")
    parquet.write_table(TABLE[70:], tmp_path / "test.parquet")

    train, test = load_tables(tmp_path, PRICE)

    assert np.array_equal(train.y[:, 0], TABLE["income"][:70].to_numpy().astype("f4"))
    assert np.array_equal(test.y[:, 0], TABLE["income"][70:].to_numpy().astype("f4"))
    assert (train.inputs, train.targets) == (test.inputs, test.targets)


def test_a_folder_with_a_training_part_alone_is_split_as_a_file_is(file: Path) -> None:
    parts = load_tables(file, PRICE)
    file.rename(file.with_name("train.csv"))

    assert [part.sha256 for part in load_tables(file.parent, PRICE)] == [
        part.sha256 for part in parts
    ]


def test_a_category_of_either_part_is_known(tmp_path: Path) -> None:
    write(tmp_path, train="a,y\nx,k\nz,l\n", test="a,y\nw,m\n")

    train, test = load_tables(tmp_path, TableForm("y"))

    assert train.inputs == (CategoryColumn(name="a", values=["w", "x", "z"]),)
    assert train.classes == ("k", "l", "m")
    assert (test.x.tolist(), test.y.tolist()) == ([[1, 0, 0]], [2])


def test_texts_that_look_like_numbers_in_one_part_are_texts_in_both(tmp_path: Path) -> None:
    write(tmp_path, train="a,y\nx,1\n01,2\n", test="a,y\n01,3\n")

    train, test = load_tables(tmp_path, TableForm("y"))

    assert test.x.tolist() == [train.x[1].tolist()]


def test_samples_hold_what_a_request_by_name_is_answered_with(file: Path) -> None:
    """What a network learns from a row is what the service makes of it later."""
    train, test = load_tables(file, PRICE)
    assert train.inputs is not None
    names = [column.name for column in train.inputs]
    rows = {row["income"]: {name: row[name] for name in names} for row in TABLE.to_pylist()}
    known = {np.float32(income): row for income, row in rows.items()}

    for part in (train, test):
        encoded = Encoder(train.inputs).rows([known[y] for y in part.y[:, 0]])
        assert np.array_equal(encoded, part.x)


def test_rows_are_read_for_a_model_that_has_learnt_its_columns(file: Path) -> None:
    train, test = load_tables(file, PRICE)
    assert train.inputs is not None
    assert train.targets is not None
    meaning = Meaning(train.inputs, "income", train.targets[0])

    rows = load_rows(file, meaning)

    assert len(rows) == ROWS
    assert {*map(bytes, rows.x)} == {*map(bytes, np.concatenate([train.x, test.x]))}
    _, classified = load_tables(file, WORK)
    assert classified.inputs is not None
    assert classified.classes is not None
    again = load_rows(file, Meaning(classified.inputs, "work", classified.classes))
    assert sorted(np.unique(again.y)) == [0, 1, 2]


def test_an_unknown_category_or_class_is_told_by_row_and_column(tmp_path: Path) -> None:
    write(tmp_path, a="a,y\nx,k\nz,l\n", b="a,y\nx,k\nw,l\n", c="a,y\nx,k\nz,m\n")
    learnt = load_rows(
        tmp_path / "a.csv", Meaning((CategoryColumn(name="a", values=["x", "z"]),), "y", ("k", "l"))
    )
    assert learnt.inputs is not None
    meaning = Meaning(learnt.inputs, "y", ("k", "l"))

    with pytest.raises(DatasetError, match="b.csv: row 2 after .*'a': one of 'x', 'z' .* got 'w'"):
        load_rows(tmp_path / "b.csv", meaning)
    with pytest.raises(DatasetError, match="c.csv: row 2 after .*'y': one of 2 classes .* got 'm'"):
        load_rows(tmp_path / "c.csv", meaning)


def test_a_table_alone_is_encoded_without_a_target(file: Path) -> None:
    train, _ = load_tables(file, PRICE)
    assert train.inputs is not None

    assert encode_table(read_table(file), train.inputs).shape == (ROWS, train.x.shape[1])


def test_truth_values_are_the_same_categories_however_csv_writes_them(tmp_path: Path) -> None:
    """As pandas writes them, in a file of its own and in one for a model that knows them."""
    write(tmp_path, train="a,y\nTrue,1\nFalse,2\n", test="a,y\nFALSE,3\n")

    train, test = load_tables(tmp_path, TableForm("y"))
    assert train.inputs is not None
    assert train.targets is not None
    later = load_rows(tmp_path / "train.csv", Meaning(train.inputs, "y", train.targets[0]))

    assert test.x.tolist() == [train.x[1].tolist()]
    assert later.x.tolist() == train.x.tolist()
