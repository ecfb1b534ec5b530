"""
Rows of named values to a network's input, as its manifest's columns say.

Covered:      rows as JSON has them, each an object; columns as a file has them, each an array.
Not covered:  reading either (`service.protocol.named_rows`, `evaluation.table_file`), learning
              columns from data (`evaluation.learnt_columns`).

NumPy is imported where rows are encoded: who only reads manifests does without.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from reprlib import Repr
from typing import TYPE_CHECKING, Any

from model_store.columns import CategoryColumn, Column, NumberColumn

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_MOST_NAMED = 8
"""Names that an error lists: a line of them."""
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 60


class RowsInvalid(ValueError):
    """
    Rows that do not fit the columns.

    Attributes:
        row: Which one, counted from 0; None where it is none in particular.
        column: Name of the column; None where it is none in particular.
        problem: What was expected and what came.
    """

    def __init__(self, problem: str, row: int | None = None, column: str | None = None):
        self.problem, self.row, self.column = problem, row, column
        super().__init__(self.told("" if row is None else f"row {row}, counted from 0"))

    def told(self, place: str) -> str:
        """Say it with the row as whoever has read it knows it; empty for no row."""
        column = "" if self.column is None else f"column {self.column!r}"
        where = ", ".join(filter(None, [place, column]))
        return f"{where}: {self.problem}" if where else self.problem


class Encoder:
    """
    Turns rows of named values into a network's input; for use by any number of threads.

    Numbers become `(value - offset) / scale`, computed in float64 and rounded once; a category
    becomes 1 in the place of its value and 0 in all others.

    Args:
        columns: What the network takes, in order.

    Attributes:
        names: Of the columns.
        width: Numbers that a row becomes, `i`.
    """

    def __init__(self, columns: Sequence[Column]):
        import numpy as np

        self.names = [column.name for column in columns]
        self._known = {*self.names}
        starts = np.cumsum([0, *(column.width for column in columns)])
        self.width = int(starts[-1])
        placed = [*zip(columns, starts.tolist(), strict=False)]
        self._numbers = [(each, at) for each, at in placed if isinstance(each, NumberColumn)]
        self._categories = [(each, at) for each, at in placed if isinstance(each, CategoryColumn)]
        self._offsets = np.array([[column.offset] for column, _ in self._numbers])
        self._scales = np.array([[column.scale] for column, _ in self._numbers])
        self._number_at = np.array([at for _, at in self._numbers], np.intp)
        self._category_at = np.array([[at] for _, at in self._categories], np.intp)

    def rows(self, rows: Sequence[object], first: int = 0) -> "npt.NDArray[np.float32]":
        """
        Encode rows that name their values.

        A category may also be the whole number or the boolean that JSON writes like it.

        Args:
            rows: Mappings of every column's name to a value, as parsed from JSON; anything else is
                refused.
            first: Number of the first of them, for errors.

        Returns:
            `[n, i]`, float32.

        Raises:
            RowsInvalid: Naming row and column: one that is missing or unknown; null, empty text or
                NaN; text or a boolean in place of a number; a number that is infinite, or none of
                float32 once it is scaled; an unknown category.
        """
        for row, values in enumerate(rows, first):
            if not isinstance(values, Mapping):
                expected = f"an object was expected that names {_listed(self.names)}"
                raise RowsInvalid(f"{expected}; got {_shown(values)}", row)
            if values.keys() != self._known:
                raise self._other_names(values, row)
        table = {name: [values[name] for values in rows] for name in self.names}  # type: ignore[index]
        return self.columns(table, first)

    def columns(self, table: Mapping[str, Any], first: int = 0) -> "npt.NDArray[np.float32]":
        """
        Encode values that lie column by column.

        Args:
            table: Of each column its values: an array of float64 `[n]`, in which NaN is a missing
                value, or a list of `n`. What else is in it is left alone.
            first: As for `rows`.

        Returns:
            `[n, i]`, float32.

        Raises:
            RowsInvalid: As `rows`; a column that the table lacks.
        """
        import numpy as np

        for name in self.names:
            if name not in table:
                raise RowsInvalid(f"the column is missing; there are {_listed(table)}", None, name)
        rows = len(table[self.names[0]])
        encoded = np.zeros((rows, self.width), np.float32)
        if self._numbers:  # all at once: of a single row NumPy's calls are what costs
            encoded[:, self._number_at] = self._scaled(table, first).T
        if self._categories:
            encoded[np.arange(rows), self._places(table, first) + self._category_at] = 1
        return encoded

    def _scaled(self, table: Mapping[str, Any], first: int) -> "npt.NDArray[np.float32]":
        """Scale all columns of numbers, `[columns, n]`."""
        import numpy as np

        values = [table[column.name] for column, _ in self._numbers]
        for (column, _), of in zip(self._numbers, values, strict=True):
            if not isinstance(of, np.ndarray):
                _require_numbers(column, of, first)
        try:
            numbers = np.array(values, np.float64)
        except OverflowError:  # whole numbers of 309 digits and more
            numbers = np.array([[_as_float(value) for value in of] for of in values])
        with np.errstate(over="ignore"):  # becomes infinite, which is looked for
            scaled: npt.NDArray[np.float32] = ((numbers - self._offsets) / self._scales).astype(
                np.float32
            )
        if not np.isfinite(scaled).all():
            wrong, row = map(int, np.argwhere(~np.isfinite(scaled))[0])
            raise _not_finite(self._numbers[wrong][0], float(numbers[wrong, row]), first + row)
        return scaled

    def _places(self, table: Mapping[str, Any], first: int) -> "npt.NDArray[np.intp]":
        """Find the place of each value among its column's, `[columns, n]`."""
        import numpy as np

        values = [(column, table[column.name]) for column, _ in self._categories]
        try:
            found = np.array([_known_places(column, of) for column, of in values])
            if found.min(initial=0) >= 0:
                return found
        except TypeError:  # a list or an object, which is no key
            pass
        return np.array(
            [
                [_place(column, value, row) for row, value in enumerate(of, first)]
                for column, of in values
            ]
        )

    def _other_names(self, values: Mapping[Any, object], row: int) -> RowsInvalid:
        """Say which column a row lacks, or which of its own is unknown."""
        lacking = [name for name in self.names if name not in values]
        unknown = [name for name in values if name not in self._known]
        if not lacking:
            problem = f"the column is unknown; known are {_listed(self.names)}"
            return RowsInvalid(problem, row, unknown[0])
        more = f"; unknown: {_listed(unknown)}" if unknown else ""
        return RowsInvalid(f"the column is missing{more}", row, lacking[0])


def category_text(value: object) -> str | None:
    """Name a value as a category: text as it is, whole numbers and booleans as JSON writes them."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int) else None


def _require_numbers(column: NumberColumn, values: Sequence[Any], first: int) -> None:
    if not {*map(type, values)} <= {float, int}:
        for row, value in enumerate(values, first):
            if type(value) not in (float, int):
                raise _expected("a number", value, row, column)


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _not_finite(column: NumberColumn, value: float, row: int) -> RowsInvalid:
    """Tell what is no number, and what becomes none."""
    expected = "a number" if math.isnan(value) else "a finite number"
    if math.isfinite(value):
        expected = "a number that float32 holds once it is scaled"
    return _expected(expected, value, row, column)


def _known_places(column: CategoryColumn, values: Sequence[Any]) -> "npt.NDArray[np.intp]":
    """Find each value's place, `[n]`; -1 for what is none."""
    import numpy as np

    return np.fromiter(map(column.places.get, values, repeat(-1)), np.intp, len(values))


def _place(column: CategoryColumn, value: object, row: int) -> int:
    place = column.places.get(category_text(value) or "")
    if place is None:
        raise _expected(f"one of {_listed(column.values)}", value, row, column)
    return place


def _expected(expected: str, value: object, row: int, column: Column) -> RowsInvalid:
    return RowsInvalid(f"{expected} was expected, got {_shown(value)}", row, column.name)


def _shown(value: object) -> str:
    """Write a value as JSON would, in short."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if value == "":
        return "empty text"
    return "NaN" if value != value else _SHORT.repr(value)


def _listed(names: Iterable[object]) -> str:
    """List names, the first of them where they are many."""
    shown = [_SHORT.repr(name) for name in names]
    more = len(shown) - _MOST_NAMED
    return ", ".join(shown[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
