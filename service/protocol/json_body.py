"""
A JSON body to an object whose numbers are an array: the reader that its length asks for.

Covered:      which reader takes which body, and that none holds the event loop.
Not covered:  the readers: of what is plainly well formed (`json_numbers`), of what is large
              (`json_blocks`, and `named_rows` of rows by name), of everything else (`rows`).
"""

from collections.abc import Callable
from typing import Any

from service.engine.offload import IN_LOOP_BYTES, IN_LOOP_SLOW_BYTES, require_thread
from service.protocol import json_blocks, named_rows
from service.protocol import json_numbers as json_rows
from service.protocol.json_blocks import Limit
from service.protocol.rows import parse_object

_MOST_PARTS = 8192
"""Lists, objects and texts of a body that is read in the event loop: 0.4 ms of Python objects."""


def read_object(
    body: bytes,
    place: Callable[[dict[str, Any]], tuple[dict[str, Any], str]],
    limit: Limit,
    ids: bool = False,
) -> dict[str, Any]:
    """
    Read a JSON object.

    Args:
        body: Whole, inflated.
        place: As `json_numbers.read` takes it.
        limit: As `json_blocks.read` does.
        ids: Likewise.

    Raises:
        InvalidInput: If it is none, or its long list does not hold numbers.
        TooLarge: More numbers than the limit.
        HoldsLoop: In the event loop, where it would take long.
    """
    if len(body) <= IN_LOOP_SLOW_BYTES:
        try:
            return json_rows.read(body, place)
        except json_rows.Irregular:
            return parse_object(body)
    if len(body) <= IN_LOOP_BYTES and sum(map(body.count, (b"[", b"{", b'"'))) <= _MOST_PARTS:
        try:
            return json_rows.read(body, place)
        except json_rows.Irregular:
            pass
    require_thread()
    return named_rows.read(body) or json_blocks.read(body, limit, ids)
