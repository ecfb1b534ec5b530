"""
Large JSON in pieces, so that whoever writes it holds the interpreter for one piece at a time.

A comparison of 1,024 rows of 768 outputs is 17 MB, which orjson writes in 65 ms and holds the
interpreter meanwhile (2-core Xeon VM, busy, 2026-11-25). In pieces of their own, others wait for
one of them.

Covered:      lists in pieces, objects that hold some, arrays of any size.
Not covered:  who writes a piece, and where (`service.inspection`), how pieces are sent
              (`service.http.streamed_json`).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from service.engine.offload import PIECE_NUMBERS
from service.metrics.pacing import let_go

Pieces = list[bytes]
"""JSON text, in its order."""


def list_items(values: "list[Any] | npt.NDArray[np.generic]") -> bytes:
    """Write some items of a list, at least one, each after a comma: for `json_list`."""
    written = orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)
    return b"".join((b",", memoryview(written)[1:-1]))


def json_list(parts: Iterable[bytes]) -> Pieces:
    """Make a list of parts of its items, each from `list_items`; copies none but the first."""
    first, *more = parts
    return [b"[", first[1:], *more, b"]"]


def json_numbers(values: "list[int] | npt.NDArray[np.generic]") -> Pieces:
    """Write a list of any length, letting go of the interpreter after each piece."""
    return json_array(np.asarray(values))


def joined_list(items: Iterable[Pieces]) -> Pieces:
    """Write a list of items that are JSON already, none to many."""
    pieces = [piece for item in items for piece in (b",", *item)]
    return [b"[", *pieces[1:], b"]"]


def json_array(array: "npt.NDArray[np.generic]") -> Pieces:
    """
    Write an array of any shape, letting go of the interpreter after each piece.

    Rows stay whole in a piece where they fit one.
    """
    if array.ndim > 1 and array[:1].size > PIECE_NUMBERS:
        rows = [json_array(row) for row in array]
        return [b"[", *rows[0], *(part for row in rows[1:] for part in (b",", *row)), b"]"]
    size = max(1, PIECE_NUMBERS // max(1, array[:1].size))
    return json_list(_items(array[k : k + size]) for k in range(0, max(1, len(array)), size))


def _items(part: "npt.NDArray[np.generic]") -> bytes:
    written = list_items(np.ascontiguousarray(part))
    let_go()
    return written


def json_object(content: Mapping[str, Any], **more: Pieces) -> Pieces:
    """
    Write an object of which some values are JSON already.

    Args:
        content: The values that are not JSON yet, at least one, by their keys.
        more: The values that are, by theirs.
    """
    pieces = [orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)[:-1]]
    for key, value in more.items():
        pieces += [b',"%b":' % key.encode(), *value]
    return [*pieces, b"}"]
