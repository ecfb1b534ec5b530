"""
Rows by name, `{"rows": [{"age": 39, …}, …]}`, to the input of a model whose manifest names columns.

A large body is cut between its rows, a few of which become objects, and then numbers, at a time: a
body of 32 MB made into objects at once would keep the interpreter from everybody else for long.

Covered:      short and large bodies, with the same errors for values.
Not covered:  what a value becomes (`model_store.encoding`); bodies that hold numbers alone
              (`json_numbers`, `json_blocks`).
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import orjson

from model_store.encoding import RowsInvalid
from service.engine.offload import IN_LOOP_SLOW_BYTES, PIECE_BYTES, letting_go
from service.errors import InvalidInput, TooLarge, short_repr
from service.metrics.pacing import paced
from service.protocol.open_inference import InputSpec
from service.protocol.rows import parse_object
from service.protocol.tensor_bytes import Rows

_CUT_BYTES = PIECE_BYTES // 4  # a few times as slow as numbers: 0.5 ms (EPYC VM, 2026-11-28)
_BEGINNING = re.compile(rb'"rows"[ \t\r\n]*:[ \t\r\n]*\[(?=[ \t\r\n]*\{)').search
_ROW = re.compile(
    rb"[ \t\r\n]*+"
    rb'(\{(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+\})'  # no list and no object in it
    rb"[ \t\r\n]*+([,\]])",
    re.DOTALL,
).match


class LongRows(NamedTuple):
    """
    Rows of a large body, not yet read.

    Attributes:
        body: Whole.
        cuts: Where groups of them begin and end, commas between them included.
        total: How many they are.
    """

    body: bytes
    cuts: list[tuple[int, int]]
    total: int

    def groups(self) -> Iterator[list[Any]]:
        """Parse them, a group at a time; raises InvalidInput if they are not JSON."""
        for start, stop in self.cuts:
            try:
                yield orjson.loads(b"[%b]" % self.body[start:stop])
            except orjson.JSONDecodeError as exc:
                raise InvalidInput(f"the body must be JSON: {exc.msg}") from None


def read(body: bytes) -> dict[str, Any] | None:
    """
    Read a large object with rows by name; in a thread.

    Args:
        body: Whole, inflated.

    Returns:
        The object, with `LongRows` for its rows; None where the body has none.

    Raises:
        InvalidInput: Something in the list is no row, or the rest of the body no JSON.
    """
    found = _BEGINNING(body, 0, IN_LOOP_SLOW_BYTES)
    if found is None:
        return None
    rows, end = _cut(body, found.end())
    rest = len(body) - (end - found.end())
    if rest > IN_LOOP_SLOW_BYTES:
        raise InvalidInput(
            f"the body may hold at most {IN_LOOP_SLOW_BYTES} bytes beside its rows, got {rest}"
        )
    top = parse_object(body[: found.end()] + body[end - 1 :])
    if top.get("rows") != []:  # they are part of something else
        return None
    return top | {"rows": rows}


def _cut(body: bytes, start: int) -> tuple[LongRows, int]:
    """Cut a list after its bracket; tells where it ends, after its last one."""
    cuts: list[tuple[int, int]] = []
    count, place = 0, start
    for end, row_end, closes in paced(_ends(body, start)):
        count += 1
        if closes or end - place >= _CUT_BYTES:
            cuts.append((place, row_end))
            place = end
    return LongRows(body, cuts, count), place


def _ends(body: bytes, place: int) -> Iterator[tuple[int, int, bool]]:
    """Of each row: where the next begins, where it ends itself, and whether it is the last."""
    row, closes = 0, False
    while not closes:
        found = _ROW(body, place, place + PIECE_BYTES)
        if found is None:
            raise InvalidInput(
                f"rows: row {row}, counted from 0: an object of numbers and texts, of at most "
                f"{PIECE_BYTES} bytes, was expected, got {short_repr(body[place : place + 40])}"
            )
        place, closes = found.end(), found[2] == b"]"
        yield place, found.end(1), closes
        row += 1


def encoded(request: dict[str, Any], model: InputSpec) -> Rows:
    """
    Take the rows of a body that names their values, `[r, i]`.

    Args:
        request: The body, with a list of objects, or `LongRows`, as its only field `rows`.
        model: Gives the columns, and the bound.

    Raises:
        InvalidInput: Naming what is wrong, by row and column where it is a value.
        TooLarge: More rows than a batch holds.
    """
    encoder = model.manifest.encoder
    if encoder is None:
        raise InvalidInput("rows: this model's inputs have no names; send inputs, rows of numbers")
    unknown = request.keys() - {"rows"}
    if unknown:
        raise InvalidInput(f"rows need no other field; got also {short_repr(sorted(unknown))}")
    rows = request["rows"]
    if not isinstance(rows, list | LongRows) or not rows:
        raise InvalidInput(f"rows must be a list of at least one object, got {short_repr(rows)}")
    count = rows.total if isinstance(rows, LongRows) else len(rows)
    most = model.most_numbers // encoder.width
    if count > most:
        raise TooLarge(f"a request may hold at most {most} rows, got {count}")
    try:
        if not isinstance(rows, LongRows):
            return encoder.rows(rows)
        first, parts = 0, []
        for group in letting_go(rows.groups()):
            parts.append(encoder.rows(group, first))
            first += len(group)
        return np.concatenate(parts)
    except RowsInvalid as exc:
        raise InvalidInput(f"rows: {exc}") from None
