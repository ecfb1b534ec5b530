"""
Where the one long list of numbers lies in a large JSON body, found without parsing it.

Covered:      a list after the key `inputs` or `data`, nested or flat, anywhere near the beginning.
Not covered:  whether its brackets fit: whoever parses the pieces sees to that (`json_blocks`).
"""

import re
from typing import NamedTuple

from service.engine.offload import IN_LOOP_SLOW_BYTES, PIECE_BYTES
from service.errors import InvalidInput
from service.metrics.pacing import let_go

BLANK = b" \t\r\n"
"""What JSON allows between its parts."""
_NUMERIC = b"0123456789+-.eE,[]" + BLANK
"""All that a list of numbers is written with."""
_STEP_BYTES = PIECE_BYTES // 4  # a list as long as two of them is found
_KEY = re.compile(rb'"(inputs|data)"[ \t\r\n]*:[ \t\r\n]*\Z').search
_KEY_BYTES = 64  # that a key may take with its colon and blanks
_FOUND = {ord('"'): "text", ord("t"): "booleans", ord("f"): "booleans", ord("n"): "null"}
_FOUND |= {ord("{"): "an object", ord("N"): "NaN", ord("I"): "infinity"}


class LongList(NamedTuple):
    """Where a body's long list is: the place of its first bracket, and whether rows are lists."""

    key: str
    start: int
    nested: bool


def find_list(body: bytes, end: int) -> LongList | None:
    """Find the one list that is long: after its key, and all numbers for a piece at least."""
    # Further from the beginning it cannot be: what is not the list must be short.
    for start in range(0, min(end, 2 * IN_LOOP_SLOW_BYTES), _STEP_BYTES):
        stop = min(end, start + _STEP_BYTES)
        if body[start:stop].translate(None, _NUMERIC):
            continue
        before = _other_before(body, start)
        opening = body.find(b"[", before + 1, stop)
        if opening < 0 or body[before + 1 : opening].strip(BLANK):
            continue
        key = _KEY(body[max(0, opening - _KEY_BYTES) : opening])
        if key is not None:
            nested = body[opening + 1 : stop].lstrip(BLANK)[:1] == b"["
            return LongList(key[1].decode(), opening, nested)
    return None


def _other_before(body: bytes, start: int) -> int:
    """The place of the last byte before one that no list of numbers is written with, or -1."""
    before = body[max(0, start - PIECE_BYTES) : start]
    others = before.translate(None, _NUMERIC)
    return start - len(before) + before.rfind(others[-1:]) if others else -1


def end_of_list(body: bytes, found: LongList, end: int) -> int:
    """
    Find where the list ends, after its last bracket.

    Raises:
        InvalidInput: If something else than numbers is in it.
    """
    for start in range(found.start, end, PIECE_BYTES):
        piece = body[start : min(end, start + PIECE_BYTES)]
        if others := piece.translate(None, _NUMERIC):
            end = start + piece.find(others[:1])
            break
        let_go()
    tail = body[max(found.start, end - PIECE_BYTES) : end]
    # A list in a tensor is followed by a brace, or by a comma and the next key.
    kept = tail.rstrip(BLANK + b",")
    closed = kept.endswith(b"]") and (not found.nested or _closes_twice(kept))
    if not closed:
        what = _FOUND.get(body[end], "something else") if end < len(body) else "no end of it"
        raise InvalidInput(f"{found.key} must hold finite numbers, got {what}")
    return end - len(tail) + len(kept)


def _closes_twice(tail: bytes) -> bool:
    return tail[:-1].rstrip(BLANK).endswith(b"]")


def last_byte(body: bytes, end: int) -> int:
    """The place of the last byte that is not blank, or -1."""
    while end > 0:
        start = max(0, end - PIECE_BYTES)
        if kept := body[start:end].rstrip(BLANK):
            return start + len(kept) - 1
        end = start
    return -1
