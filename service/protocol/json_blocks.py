"""
Large JSON bodies, whose one long list of numbers is read a piece at a time.

Whoever parses a body of 32 MB whole keeps the interpreter to himself for 80 ms, and if he makes
objects of it, takes a gigabyte. Here the list is cut at commas into pieces of 64 KiB; each becomes
numbers before the next is looked at. What is left of the body is short, and is parsed as ever.

Covered:      nested and flat lists, rows of different lengths; every error that a short body gets.
Not covered:  where the list lies (`long_list`), brackets of images (`json_nesting`); short bodies
              (`json_numbers`, `rows`).
"""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import simdjson

from service.engine.offload import IN_LOOP_SLOW_BYTES, PIECE_BYTES
from service.errors import InvalidInput, TooLarge
from service.metrics.pacing import let_go
from service.protocol.json_nesting import Nesting, depth_of
from service.protocol.long_list import BLANK, LongList, end_of_list, find_list, last_byte
from service.protocol.rows import checked_numbers, converted, parse_object

_TOKEN = secrets.token_hex(16)
"""Stands in the rest of a body where the list was; nobody outside can know it."""
_IRREGULAR = (ValueError, TypeError, RuntimeError, AttributeError)

Floats = npt.NDArray[Any]
Limit = Callable[[dict[str, Any]], int]
"""Most numbers that the request may hold, given the rest of its body; may raise ServiceError."""


def read(body: bytes, limit: Limit, ids: bool = False) -> dict[str, Any]:
    """
    Read an object in which one list may be long; in a thread.

    Args:
        body: Whole, inflated.
        limit: Bounds the numbers; called before they are read.
        ids: Whether they are token ids, of which rows may be of different lengths.

    Returns:
        The object, with an array, `[rows, width]`, flat, or of images, for the long list: uint8
        where the object that holds it says `"datatype": "UINT8"`, else float32. Of ids int64; and
        a list of arrays where rows differ.

    Raises:
        InvalidInput: Naming what is wrong.
        TooLarge: More numbers than the limit.
    """
    end = last_byte(body, len(body)) + 1
    found = find_list(body, end)
    if found is None:
        return parse_object(_short(body[:end]))
    stop = end_of_list(body, found, end)
    top = parse_object(_short(b'%b"%b"%b' % (body[: found.start], _TOKEN.encode(), body[stop:end])))
    holder = _holder(top, found.key)
    datatype = "INT64" if ids else holder.get("datatype", "FP32")
    rows = _Rows(found, datatype, limit(top), ragged=ids)
    nested = not ids and depth_of(body, found.start) > 2
    nesting = Nesting(found.key) if nested else None
    for piece in _pieces(body, found.start + 1, stop - 1):
        rows.add(piece if nesting is None else nesting.flatten(piece))
        let_go()
    numbers = rows.array()
    if nesting is not None and isinstance(numbers, np.ndarray):  # ids alone are a list of them
        numbers = nesting.shaped(numbers)
    holder[found.key] = numbers
    return top


def _pieces(body: bytes, start: int, stop: int) -> Iterator[bytes]:
    """Cut what is between a list's brackets at commas."""
    while stop - start > PIECE_BYTES:
        comma = body.rfind(b",", start, start + PIECE_BYTES)
        if comma < 0:
            raise InvalidInput(f"the body must be JSON with a number every {PIECE_BYTES} bytes")
        yield body[start:comma]
        start = comma + 1
    yield body[start:stop]


class _Rows:
    """The numbers read so far."""

    def __init__(self, found: LongList, datatype: object, most: int, ragged: bool):
        self._name, self._nested = found.key, found.nested
        self._lengths: list[int] | None = [] if ragged else None
        self._datatype, self._most = datatype, most
        self._parts: list[Floats] = []
        self._size = 0
        self._width: int | None = None  # of all rows so far
        self._begun = 0  # numbers of a row that the former piece has begun
        self._within = False  # whether it has

    def add(self, piece: bytes) -> None:
        """
        Read what follows.

        Raises:
            InvalidInput: Anything but numbers; rows of another length.
            TooLarge: More of them than the limit.
        """
        if not piece.strip(BLANK):
            raise InvalidInput(f"{self._name} must hold numbers, got nothing between two commas")
        ends = not self._nested or piece.rstrip(BLANK).endswith(b"]")
        text = b"".join((b"[[" if self._within else b"[", piece, b"]" if ends else b"]]"))
        numbers, lengths = _read(text, self._nested, self._datatype, self._name)
        self._size += numbers.size
        if self._size > self._most:
            raise TooLarge(f"a request may hold at most {self._most} numbers, got more")
        if self._nested:
            self._count(lengths, ends)
        if numbers.size:
            self._parts.append(converted(numbers, self._name, self._datatype))

    def _count(self, lengths: list[int], ends: bool) -> None:
        lengths[0] += self._begun
        self._begun = 0 if ends else lengths.pop()
        self._within = not ends
        if self._lengths is not None:
            self._lengths += lengths
            return
        widths = {*lengths} if self._width is None else {self._width, *lengths}
        if len(widths) > 1:
            raise InvalidInput(f"{self._name} must be rows of equal length, got ragged rows")
        self._width = next(iter(widths), None)
        if self._width == 0:
            raise InvalidInput(f"{self._name} must hold numbers in each row, got an empty row")

    def array(self) -> Floats | list[Floats]:
        """All of them, `[rows, width]` or flat; or of rows that may differ an array each."""
        if not self._parts:
            return np.empty((0, 0) if self._nested else 0, np.float32)
        numbers = np.concatenate(self._parts)
        if self._nested and self._lengths is not None:
            return np.split(numbers, np.cumsum(self._lengths)[:-1])
        return numbers.reshape(-1, self._width) if self._nested and self._width else numbers


def _read(text: bytes, nested: bool, datatype: object, name: str) -> tuple[Floats, list[int]]:
    """Read a piece: its numbers, and of nested ones how many are in each row."""
    try:
        parsed: Any = simdjson.Parser().parse(text)
        lengths = [len(row) for row in parsed] if nested else []
        if text.count(b"[") != 1 + len(lengths):  # a list among the numbers would be flattened
            raise ValueError(text)
        kind = "u" if datatype == "UINT8" else "d"
        raw = parsed.as_buffer(of_type=kind)
        return np.frombuffer(raw, np.uint64 if kind == "u" else np.float64), lengths
    except _IRREGULAR:
        return _read_slowly(text, nested, name)


def _read_slowly(text: bytes, nested: bool, name: str) -> tuple[Floats, list[int]]:
    """Read it into objects, to take what simdjson does not or to say what is wrong."""
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise InvalidInput(f"the body must be JSON: {exc.msg}") from None
    rows = parsed if nested else [parsed]
    ragged = InvalidInput(f"{name} must be rows of equal length, got ragged rows")
    if not all(isinstance(row, list) for row in rows):
        raise ragged
    numbers = checked_numbers([number for row in rows for number in row], name)
    if numbers.ndim != 1:
        raise ragged
    return numbers, [len(row) for row in rows] if nested else []


def _holder(top: dict[str, Any], key: str) -> dict[str, Any]:
    """Find the object in which the list was: the body, or its one tensor."""
    inputs = top.get("inputs")
    first = inputs[0] if isinstance(inputs, list) and inputs else None
    for holder in (top, first):
        if isinstance(holder, dict) and holder.get(key) == _TOKEN:
            return holder
    raise InvalidInput("the one long list of a body must hold its rows")


def _short(rest: bytes) -> bytes:
    if len(rest) > IN_LOOP_SLOW_BYTES:
        raise InvalidInput(
            f"the body must be JSON with its numbers in one list, and beside that list at most "
            f"{IN_LOOP_SLOW_BYTES} bytes; got {len(rest)}"
        )
    return rest
