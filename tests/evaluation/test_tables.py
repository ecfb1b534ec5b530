"""Tables as samples: the target, inputs by type, and which rows are the test part."""

import gzip
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from evaluation.errors import DatasetError
from evaluation.samples import Samples
from evaluation.table_file import read_table
from evaluation.table_samples import Meaning, encode_table
from evaluation.tables import TableForm, find_tables, load_rows, load_tables
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


def test_a_fifth_of_the_rows_is_held_out_by_the_seed(file: Path) -> None:
    def ages(part: Samples) -> set[float]:
        return {*part.y[:, 0]}

    train, test = load_tables(file, PRICE)
    again, other = load_tables(file, PRICE)[1], load_tables(file, PRICE, seed=1)[1]

    assert (len(train), len(test)) == (80, 20)
    assert len(ages(train) | ages(test)) == ROWS
    assert ages(test) == ages(again) != ages(other)
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


Y = TableForm("y")
REFUSED: dict[str, tuple[str, TableForm, str]] = {
    "no-target": ("a,y\n1,2\n", TableForm("z"), "there is no column 'z'; there are 'a', 'y'"),
    "no-category": ("a,y\n1,2\n", TableForm("y", ("b",)), "there is no column 'b'; there are"),
    "nothing-left-out": ("a,y\n1,2\n", TableForm("y", (), ("b",)), "there is no column 'b'"),
    "target-left-out": ("a,y\n1,2\n", TableForm("y", (), ("y",)), "'y', cannot be left out"),
    "target-alone": ("y\n1\n2\n", Y, "a column beside the target was expected, got none"),
    "all-left-out": ("a,y\n1,2\n", TableForm("y", (), ("a",)), "a column beside the target was"),
    "no-name": (",y\n1,2\n", Y, "name of column 1 must have 1 to 200 characters, got 0; leave it"),
    "long-name": ("x" * 201 + ",y\n1,2\n", Y, "name of column 1 must have 1 to 200 characters, g"),
    "one-row": ("a,y\n1,2\n", Y, "so a fifth of the rows is held out; at least 2 rows were"),
    "missing": ("a,y\n1,2\n,3\n", Y, "row 2 after the header, column 'a': a number was expect"),
    "missing-target": ("a,y\n1,2\n2,\n", Y, "row 2 after the header, column 'y': a number was"),
    "missing-class": ("a,y\n1,x\n2,\n", Y, "row 2 after the header, column 'y': the name of a"),
    "date": ("a,y\n2020-01-01,1\n2020-01-02,2\n", Y, "column 'a': holds dates or times"),
    "constant-target": ("a,y\n1,2\n2,2\n", Y, "target 'y': values that differ were expected"),
    "one-class": ("a,y\n1,x\n2,x\n", Y, "target 'y': at least 2 classes were expected"),
    "large-target": ("a,y\n1,1e39\n2,2\n3,-1e38\n", Y, "column 'y': a finite float32 was expect"),
    "infinite": ("a,y\n1,1\ninf,2\n", Y, "row 2 after the header, column 'a': a finite number"),
    "far-apart": ("a,y\n-1e308,1\n1e308,2\n5,3\n", Y, "column 'a': finite numbers were expected"),
    "too-many": (
        "a,y\n" + "".join(f"x{k},{k}\n" for k in range(1001)),
        Y,
        "column 'a': at most 1,000 categories were expected, got 1,001 different texts",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_table_that_cannot_be_learnt_from_is_refused(tmp_path: Path, case: str) -> None:
    text, form, message = REFUSED[case]
    write(tmp_path, people=text)

    with pytest.raises(DatasetError, match=f"people.csv: .*{re.escape(message)}"):
        load_tables(tmp_path / "people.csv", form)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("a\n1\n", "test.csv: there is no column 'y'"),
        ("y\n1\n", "test.csv: there is no column 'a'"),
        ("a,y\nx,1\n", "test.csv: row 1 after the header, column 'a': a number was expected, got"),
    ],
)
def test_a_test_part_that_does_not_fit_is_refused(tmp_path: Path, test: str, message: str) -> None:
    write(tmp_path, train="a,y\n1,2\n3,4\n", test=test)

    with pytest.raises(DatasetError, match=message):
        load_tables(tmp_path, Y)


def test_what_is_no_table_is_told_the_forms_there_are(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="a CSV or Parquet file, or a folder .* nothing of this"):
        load_tables(tmp_path / "none.csv", Y)
    with pytest.raises(DatasetError, match="or a folder with train.csv .* there is no train.csv"):
        load_tables(tmp_path, Y)
    write(tmp_path, train="a,y\n1,2\n")
    (tmp_path / "train.parquet").touch()
    with pytest.raises(DatasetError, match="one file for each part .* train.csv and train.parquet"):
        find_tables(tmp_path)
