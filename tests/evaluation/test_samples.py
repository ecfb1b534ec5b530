import re

import numpy as np
import pytest

from evaluation.errors import DatasetError
from evaluation.samples import Samples
from model_store.columns import CategoryColumn, NumberColumn, Target

X = np.arange(12, dtype=np.float32).reshape(4, 3)
VALUES = np.array([[0.5], [1.5], [2.5], [3.5]], np.float32)
CLASSES = np.array([0, 2, 1, 2])
COLUMNS = (NumberColumn(name="age"), CategoryColumn(name="sex", values=["f", "m"]))
PRICE = Target(name="price", mean=2.0, deviation=1.0, tolerance=0.05)


def samples(**changes: object) -> Samples:
    return Samples(**({"x": X, "y": VALUES, "name": "data"} | changes))  # type: ignore[arg-type]


def test_values_make_a_regression_and_classes_a_classification() -> None:
    values, classes = samples(targets=(PRICE,)), samples(y=CLASSES)

    assert (values.task, values.output_width, len(values)) == ("regression", 1, 4)
    assert (classes.task, classes.output_width) == ("classification", 3)


def test_a_class_with_a_name_needs_no_row() -> None:
    assert samples(y=CLASSES, classes=("a", "b", "c", "d")).output_width == 4


def test_some_of_the_rows_keep_what_is_known_of_all() -> None:
    whole = samples(inputs=COLUMNS, targets=(PRICE,))
    by_mask, by_number = whole.take(X[:, 0] > 3, "part"), whole.take(np.array([2, 3]), "part")

    assert np.array_equal(by_mask.y, VALUES[2:])
    assert by_mask.sha256 == by_number.sha256
    assert (len(by_mask), by_mask.inputs, by_mask.targets) == (2, COLUMNS, (PRICE,))
    assert by_mask.name == "part"


CHANGED = {
    "inputs": samples(x=X + np.float32(1)),
    "values": samples(y=VALUES + np.float32(1)),
    "classes": samples(y=CLASSES),
    "shape": samples(x=X.reshape(4, 3)[:, :2]),
    "order": samples().take(np.array([1, 0, 2, 3]), "data"),
    "rows": samples().take(np.array([0]), "data"),
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED)
def test_the_hash_is_of_numbers_and_their_shape(changed: Samples) -> None:
    assert changed.sha256 != samples().sha256


def test_the_hash_is_not_of_names_and_memory_layout() -> None:
    named = samples(x=np.asfortranarray(X), name="other", inputs=COLUMNS, targets=(PRICE,))

    assert named.sha256 == samples().sha256
    # Of "[[4, 3], [4, 1]]", 48 bytes and 16, as sha256sum has it.
    assert named.sha256.startswith("87d7f30977d6")


NAN, HUGE = np.float32("nan"), np.float32("inf")
WRONG: dict[str, tuple[dict[str, object], str]] = {  # what the message says, by what is put in
    "flat-inputs": ({"x": X[:, 0]}, "inputs must be [n, i] float32, got [4] float32"),
    "float64-inputs": ({"x": X.astype(float)}, "must be [n, i] float32, got [4, 3] float64"),
    "flat-values": ({"y": VALUES[:, 0]}, "or classes [n] int64, got [4] float32"),
    "int32-classes": ({"y": CLASSES.astype(np.int32)}, "classes [n] int64, got [4] int32"),
    "deep-values": ({"y": np.zeros((4, 1, 1))}, "classes [n] int64, got [4, 1, 1] float64"),
    "other-rows": ({"x": X[:3]}, "got 3 rows of inputs and 4 of these"),
    "no-rows": ({"x": X[:0], "y": VALUES[:0]}, "at least one row"),
    "no-inputs": ({"x": X[:, :0]}, "at least one row of one number"),
    "no-values": ({"y": VALUES[:, :0]}, "got inputs [4, 3] and [4, 0]"),
    "nan-input": ({"x": np.where(X == 7, NAN, X)}, "inputs must be finite, got nan in row 2"),
    "infinite-value": ({"y": np.where(VALUES > 3, HUGE, VALUES)}, "got inf in row 3, column 0"),
    "few-columns": ({"inputs": COLUMNS[:1]}, "make 3 numbers are needed, got some of 1"),
    "few-targets": ({"targets": (PRICE, PRICE)}, "target for each of 1 values is needed, got 2"),
    "classes-of-values": ({"classes": ("a", "b")}, "values have no classes, got 2 names"),
    "targets-of-classes": ({"y": CLASSES, "targets": (PRICE,)}, "classes have no targets, got 1"),
    "negative-class": ({"y": CLASSES - 1}, "classes must be >= 0, got -1"),
    "unnamed-class": ({"y": CLASSES, "classes": ("a", "b")}, "must be 0 to 1, one for each"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_refused(case: str) -> None:
    changes, message = WRONG[case]

    with pytest.raises(DatasetError, match=f"^data: .*{re.escape(message)}"):
        samples(**changes)
