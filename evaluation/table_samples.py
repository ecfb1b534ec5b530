"""
A table's rows as a network takes them, and the values or classes that belong to them.

Covered:      rows in the meaning that a network's numbers have, learnt from these or other rows.
Not covered:  learning it (`evaluation.tables`), reading a file (`evaluation.table_file`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.errors import DatasetError
from evaluation.samples import Labels, Samples, Values
from evaluation.table_file import Table
from model_store.columns import CategoryColumn, Column, NumberColumn, Target
from model_store.encoding import Encoder, RowsInvalid

TRUTH_VALUES = {"true", "false"}
"""As JSON writes them, and so the names of these categories: CSV has True, TRUE and the like."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """
    What the numbers of a network are that learns from a table.

    Attributes:
        inputs: Columns that make its input, in order.
        target: Name of the column that is predicted.
        answers: Of a regression its target; of a classification the names of its classes.
    """

    inputs: tuple[Column, ...]
    target: str
    answers: Target | tuple[str, ...]

    @property
    def texts(self) -> list[str]:
        """Columns that hold categories, but not truth values: these are told by how they look."""
        texts = text_columns(self.inputs)
        if isinstance(self.answers, Target) or TRUTH_VALUES.issuperset(self.answers):
            return texts
        return [*texts, self.target]


def text_columns(inputs: Sequence[Column]) -> list[str]:
    """Names of the columns of categories that CSV is to be read as texts for."""
    return [
        column.name
        for column in inputs
        if isinstance(column, CategoryColumn) and not TRUTH_VALUES.issuperset(column.values)
    ]


def samples_of(table: Table, meaning: Meaning) -> Samples:
    """
    Make samples of a table; its other columns are left alone.

    Raises:
        DatasetError: As `encode_table`; of the target likewise.
    """
    x = encode_table(table, meaning.inputs)
    if isinstance(meaning.answers, Target):
        y: Values | Labels = _values(table, meaning.target)
        return Samples(x, y, table.source, meaning.inputs, targets=(meaning.answers,))
    y = _labels(table, meaning.target, meaning.answers)
    return Samples(
        x, y, table.source, meaning.inputs, classes=meaning.answers, class_column=meaning.target
    )


def encode_table(table: Table, inputs: Sequence[Column]) -> npt.NDArray[np.float32]:
    """
    Make a network's input of a table's columns, `[n, i]`.

    Raises:
        DatasetError: Naming row and column, as `load_tables`; a category that is unknown.
    """
    values: dict[str, Any] = {
        column.name: table.numbers(column.name)
        if isinstance(column, NumberColumn)
        else table.texts(column.name)
        for column in inputs
    }
    try:
        return Encoder(inputs).columns(values)
    except RowsInvalid as exc:
        place = "" if exc.row is None else table.place(exc.row)
        raise DatasetError(f"{table.source}: {exc.told(place)}") from None


def _values(table: Table, target: str) -> Values:
    with np.errstate(over="ignore"):  # becomes infinite, which is looked for
        values = table.numbers(target).astype(np.float32)[:, None]
    if not np.isfinite(values).all():
        row = int(np.isfinite(values[:, 0]).argmin())
        got = table.numbers(target)[row]
        raise table.wrong(f"a finite float32 was expected, got {got:g}", row, target)
    return values


def _labels(table: Table, target: str, classes: tuple[str, ...]) -> Labels:
    places = {name: place for place, name in enumerate(classes)}
    labels = np.array([places.get(text, -1) for text in table.texts(target)], np.int64)
    if labels.min() < 0:
        row = int(labels.argmin())
        got = table.texts(target)[row]
        raise table.wrong(f"one of {len(classes)} classes was expected, got {got!r}", row, target)
    return labels
