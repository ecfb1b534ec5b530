"""
A table with named columns, from CSV or Parquet: its numbers and its texts, column by column.

A row is told as it is counted in the file, from 1, the header of CSV not counted; blank lines of
CSV are no rows. Missing is what CSV leaves empty, what Parquet has as null, NaN, and among numbers
also NA, N/A, null and the like; a text NA is a text.

Covered:      both formats, told by the content; gzip around CSV; comma as separator, UTF-8.
Not covered:  what columns are for (`evaluation.tables`); dates and nested values, which are
              refused.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from evaluation.errors import DatasetError
from fff.extras import needs_extra
from model_store.encoding import category_text

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["number", "category"]
PARQUET = b"PAR1"
_GZIP = b"\x1f\x8b"
_MOST_CSV_BYTES = (1 << 31) - 1
"""Types are told from the whole file, which pyarrow takes as one block, of 31 bits at most."""
_PANDAS_INDEX = "__index_level_0__"


@dataclass(frozen=True, slots=True)
class Table:
    """
    A table that was read.

    Attributes:
        source: What messages call it, mostly the file's path.
        names: Of its columns.
        rows: How many there are.
        header: Whether a line of names stands above the first row.
    """

    source: str
    names: tuple[str, ...]
    rows: int
    header: bool
    _columns: "pa.Table"

    def kind(self, name: str) -> Kind:
        """
        Tell what a column holds by its type: texts, booleans and dictionaries are categories.

        Raises:
            DatasetError: No such column, one of dates, or one that holds neither.
        """
        from pyarrow import types

        of = self._column(name).type
        if types.is_integer(of) or types.is_floating(of) or types.is_decimal(of):
            return "number"
        if types.is_boolean(of) or types.is_dictionary(of) or _is_text(of):
            return "category"
        if types.is_null(of):
            raise self.wrong("a value was expected, the column has none", 0, name)
        if types.is_temporal(of):
            raise self.wrong(
                f"holds dates or times ({of}), which are no input: leave the column out, or write "
                "what matters of them as numbers or texts",
                None,
                name,
            )
        raise self.wrong(f"must hold numbers or texts, got {of}", None, name)

    def numbers(self, name: str) -> npt.NDArray[np.float64]:
        """
        Take a column as numbers, `[n]`, finite.

        Raises:
            DatasetError: No such column; naming the row, a value that is missing, infinite or no
                number.
        """
        if self.kind(name) != "number":
            for row, text in enumerate(self._column(name).to_pylist()):
                if not _is_number(text):
                    raise self._expected("a number", text, row, name)
            raise self.wrong("must hold numbers, got numbers that are written as text", None, name)
        import pyarrow as pa

        column = self._column(name).cast(pa.float64(), safe=False)
        numbers: npt.NDArray[np.float64] = column.to_numpy()  # null becomes NaN
        finite = np.isfinite(numbers)
        if not finite.all():
            row = int(finite.argmin())
            if np.isnan(numbers[row]):
                raise self._expected("a number", None, row, name)
            raise self._expected("a finite number", float(numbers[row]), row, name)
        return numbers

    def texts(self, name: str) -> list[str]:
        """
        Take a column as names of categories; whole numbers and booleans as JSON writes them.

        Raises:
            DatasetError: No such column, or one of fractions; naming the row, a value is missing.
        """
        values = self._values(name).combine_chunks().dictionary_encode()
        texts = [category_text(value) or "" for value in values.dictionary.to_pylist()] + [""]
        places = values.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        missing = np.array([not text for text in texts])[places]
        if missing.any():
            row = int(missing.argmax())
            raise self._expected(
                "the name of a category", self._column(name)[row].as_py(), row, name
            )
        found: list[str] = np.array(texts, object)[places].tolist()
        return found

    def distinct(self, name: str) -> set[str]:
        """
        Take the names of categories that a column holds.

        Raises:
            DatasetError: As `texts`.
        """
        names = {category_text(value) or "" for value in self._values(name).unique().to_pylist()}
        return {*self.texts(name)} if "" in names else names  # the former raises

    def _values(self, name: str) -> "pa.ChunkedArray":
        """Take a column of categories without a dictionary, which may differ within it."""
        self.kind(name)
        column = self._column(name)
        return column.cast(getattr(column.type, "value_type", column.type))

    def wrong(self, problem: str, row: int | None, name: str) -> DatasetError:
        """Say what is wrong with a column, or with a row of it, counted from 0."""
        place = "" if row is None else f"{self.place(row)}, "
        return DatasetError(f"{self.source}: {place}column {name!r}: {problem}")

    def place(self, row: int) -> str:
        """Say where a row, counted from 0, is in the file."""
        return f"row {row + 1}" + " after the header" * self.header

    def _expected(self, expected: str, value: object, row: int, name: str) -> DatasetError:
        missing = value is None or value == ""
        came = "none" if missing else repr(value) if len(repr(value)) < 60 else f"{value!r:.60}…"
        return self.wrong(f"{expected} was expected, got {came}", row, name)

    def _column(self, name: str) -> "pa.ChunkedArray":
        if name not in self.names:
            there = ", ".join(map(repr, self.names))
            raise DatasetError(f"{self.source}: there is no column {name!r}; there are {there}")
        return self._columns.column(self.names.index(name))


def read_table(source: Path | bytes, name: str = "", texts: Collection[str] = ()) -> Table:
    """
    Read a table, whose format its content tells.

    Args:
        source: A file, or what one holds.
        name: What messages call it; by default the path.
        texts: Columns of CSV that are read as texts, whatever they look like.

    Raises:
        DatasetError: pyarrow is missing; the file cannot be read, is none of the formats, has no
            rows, or two columns of one name.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as exc:
        raise DatasetError(needs_extra("reading a table (CSV, Parquet)", "tables")) from exc
    name = name or str(source)
    try:
        content = source.read_bytes() if isinstance(source, Path) else source
        header = not content.startswith(PARQUET)
        if header:
            columns = _read_csv(_inflated(content), name, texts)
        else:
            columns = pyarrow.parquet.ParquetFile(pa.BufferReader(content)).read()
            columns = columns.drop_columns(list({_PANDAS_INDEX} & {*columns.column_names}))
        names = tuple(columns.column_names)
    except UnicodeDecodeError:
        raise DatasetError(f"{name}: a header in UTF-8 was expected") from None
    except OSError as exc:
        raise DatasetError(f"{name}: cannot be read: {exc.strerror or _first_line(exc)}") from exc
    except pa.ArrowException as exc:
        raise DatasetError(f"{name}: a table was expected: {_first_line(exc)}") from exc
    for column in names:
        if names.count(column) > 1:
            raise DatasetError(f"{name}: names of columns must differ, got {column!r} twice")
    if len(columns) == 0:
        raise DatasetError(f"{name}: at least one row was expected, got none")
    return Table(name, names, len(columns), header, columns)


def _read_csv(content: Any, name: str, texts: Collection[str]) -> "pa.Table":
    import pyarrow as pa
    from pyarrow import csv

    if len(content) > _MOST_CSV_BYTES:
        raise DatasetError(
            f"{name}: CSV of at most {_MOST_CSV_BYTES} bytes was expected, more came; write it as "
            "Parquet"
        )
    return csv.read_csv(
        pa.BufferReader(content),
        csv.ReadOptions(block_size=max(1, len(content))),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(column_types=dict.fromkeys(texts, pa.string())),
    )


def _inflated(content: bytes) -> Any:
    import pyarrow as pa

    if not content.startswith(_GZIP):
        return content
    with pa.CompressedInputStream(pa.BufferReader(content), "gzip") as stream:
        return stream.read(_MOST_CSV_BYTES + 1)


def _is_text(of: "pa.DataType") -> bool:
    from pyarrow import types

    return bool(types.is_string(of) or types.is_large_string(of))


def _is_number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return not isinstance(value, bool)


def _first_line(exc: Exception) -> str:
    return f"{exc}".partition("\n")[0][:200]
