"""
Tables with named columns as samples: which column is the target, and what the others become.

A column's type says what it is: numbers are scaled, texts, booleans and dictionaries are
categories. So it is with the target: a number is predicted as one, a text by its class. Whole
numbers are numbers, unless they are said to be categories.

Covered:      one file, of which a share is held out as test part, always the same rows
              (`evaluation.held_out` says why); a folder with a file for each part; rows for a model
              that has learnt its columns.
Not covered:  reading a file (`evaluation.table_file`), learning from its columns
              (`evaluation.learnt_columns`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from evaluation.errors import DatasetError
from evaluation.held_out import SHARE
from evaluation.learnt_columns import learn_category, learn_classes, learn_number, learn_target
from evaluation.samples import Samples
from evaluation.table_file import Table, read_table
from evaluation.table_samples import TRUTH_VALUES, Meaning, samples_of
from model_store.columns import LONGEST_NAME, Column, Target

T = TypeVar("T")
V = TypeVar("V")

SUFFIXES = (".csv", ".csv.gz", ".parquet")
FORMS = "a CSV or Parquet file, or a folder with train.csv and test.csv (or .csv.gz, .parquet)"


@dataclass(frozen=True, slots=True)
class TableForm:
    """
    What is said of a table's columns.

    Attributes:
        target: The one that is predicted.
        categories: Those that are categories though they hold whole numbers; where the target is
            one of them, these are its classes.
        left_out: Those that are no inputs.
    """

    target: str
    categories: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def load_tables(path: Path, form: TableForm) -> tuple[Samples, Samples]:
    """
    Read the training and the test part of a table.

    Scales are learnt from the training part alone; categories and classes are those of both.

    Args:
        path: As `FORMS` says.
        form: What is said of its columns.

    Returns:
        The training and the test part; of the test part, a fifth where it is held out.

    Raises:
        DatasetError: Naming file and column, and row if it is one: the file is no table, lacks a
            column, a value is missing, or a column cannot be an input or the target.
    """
    train_file, test_file = find_tables(path)
    train = read_table(train_file, texts=form.categories)
    kinds = _kinds(train, form)
    if test_file is None:
        held = _held_out(train.rows, train.source)
        whole = samples_of(train, _learn(train, ~held, [train], kinds, form.target))
        return (
            whole.take(~held, f"{train.source} (training)"),
            whole.take(held, f"{train.source} (test)"),
        )
    named = [name for name, kind in kinds.items() if kind == "category"]
    texts = [name for name in named if not TRUTH_VALUES.issuperset(train.distinct(name))]
    test = read_table(test_file, texts=texts)
    meaning = _learn(train, np.ones(train.rows, np.bool_), [train, test], kinds, form.target)
    return samples_of(train, meaning), samples_of(test, meaning)


def load_rows(path: Path, meaning: Meaning, held_out: bool = False) -> Samples:
    """
    Read a table for a model that has learnt its columns; columns beyond them are left alone.

    Args:
        path: As `FORMS` says; a folder's test part is read, if it has one.
        meaning: What the model learnt.
        held_out: Of one file take the test part alone.

    Raises:
        DatasetError: As `load_tables`; a category or class that the model does not know.
    """
    train, test = find_tables(path)
    samples = samples_of(read_table(test or train, texts=meaning.texts), meaning)
    if test is not None or not held_out:
        return samples
    return samples.take(_held_out(len(samples), samples.name), f"{samples.name} (test)")


def is_table(path: Path) -> bool:
    """Whether a path is a table, by its name; a folder by what lies in it."""
    if path.is_dir():
        return any(_found(path, "train"))
    return path.name.lower().endswith(SUFFIXES)


def find_tables(path: Path) -> tuple[Path, Path | None]:
    """
    Find the files of the training and the test part; one file is both, and None then.

    Raises:
        DatasetError: Naming the forms there are, and what was found.
    """
    if not path.is_dir():
        if not path.exists():
            raise DatasetError(f"{path}: {FORMS} was expected, there is nothing of this name")
        return path, None
    train, test = (_part(path, name) for name in ("train", "test"))
    if train is None:
        raise DatasetError(f"{path}: {FORMS} was expected, there is no train.csv or train.parquet")
    return train, test


def _part(folder: Path, name: str) -> Path | None:
    found = _found(folder, name)
    if len(found) > 1:
        names = " and ".join(file.name for file in found)
        raise DatasetError(f"{folder}: one file for each part was expected, got {names}")
    return found[0] if found else None


def _found(folder: Path, name: str) -> list[Path]:
    return [file for suffix in SUFFIXES if (file := folder / f"{name}{suffix}").is_file()]


def _kinds(table: Table, form: TableForm) -> dict[str, str]:
    """Tell what each column is that is used, the target among them."""
    for name in (form.target, *form.categories, *form.left_out):
        if name not in table.names:
            there = ", ".join(map(repr, table.names))
            raise DatasetError(f"{table.source}: there is no column {name!r}; there are {there}")
    if form.target in form.left_out:
        raise DatasetError(f"{table.source}: the target, {form.target!r}, cannot be left out")
    used = [name for name in table.names if name not in form.left_out]
    if len(used) < 2:
        raise DatasetError(f"{table.source}: a column beside the target was expected, got none")
    for number, name in enumerate(table.names, 1):
        if name in used and not 1 <= len(name) <= LONGEST_NAME:
            raise DatasetError(
                f"{table.source}: the name of column {number} must have 1 to {LONGEST_NAME} "
                f"characters, got {len(name)}; leave it out if it numbers the rows, as pandas and "
                "R write them"
            )
    return {name: "category" if name in form.categories else table.kind(name) for name in used}


def _learn(
    train: Table,
    rows: npt.NDArray[np.bool_],
    parts: list[Table],
    kinds: dict[str, str],
    target: str,
) -> Meaning:
    """Learn scales from rows of the training part, names from all parts."""
    inputs: list[Column] = []
    for name, kind in kinds.items():
        if name == target:
            continue
        inputs.append(
            _learnt(train, learn_number, name, train.numbers(name)[rows])
            if kind == "number"
            else _learnt(train, learn_category, name, _distinct(parts, name))
        )
    answers: Target | tuple[str, ...] = (
        _learnt(train, learn_target, target, train.numbers(target)[rows])
        if kinds[target] == "number"
        else _learnt(train, learn_classes, target, _distinct(parts, target))
    )
    return Meaning(tuple(inputs), target, answers)


def _distinct(parts: list[Table], name: str) -> set[str]:
    return {text for part in parts for text in part.distinct(name)}


def _learnt(table: Table, learn: Callable[[str, V], T], name: str, values: V) -> T:
    try:
        return learn(name, values)
    except DatasetError as exc:
        raise DatasetError(f"{table.source}: {exc}") from exc


def _held_out(rows: int, source: str) -> npt.NDArray[np.bool_]:
    """Tell which rows are the test part, `[n]`."""
    if rows < 2:
        raise DatasetError(
            f"{source}: no test part is given, so a fifth of the rows is held out; at least "
            "2 rows were expected, got 1"
        )
    held = np.zeros(rows, np.bool_)
    # RandomState is numpy's frozen generator: the same rows with every version.
    order = np.random.RandomState(0).permutation(rows)
    held[order[: max(1, round(SHARE * rows))]] = True
    return held
