"""Tables that nothing can be learnt from: what is wrong is told by file, row and column."""

import re
from pathlib import Path

import pytest

from evaluation.errors import DatasetError
from evaluation.tables import TableForm, find_tables, load_tables
from tests.evaluation.test_tables import write

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
