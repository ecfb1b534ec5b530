"""
Content-Encoding gzip and deflate: of requests, within a bound, and of answers where accepted.

Why not a middleware: Starlette's GZipMiddleware compresses answers alone, in the event loop, and
nothing of the framework inflates a request within a bound; DEFLATE can expand 1,032 times.

Source: RFC 9110, 8.4 and 12.5.3; RFC 1952 for a gzip of several members.
"""

import re
import zlib
from collections.abc import Iterable, Iterator

from service.engine.offload import PIECE_BYTES, letting_go
from service.errors import InvalidInput, TooLarge, short_repr

_WINDOW = {"gzip": 31, "deflate": 15}  # zlib's window bits; HTTP's deflate is the zlib format
_ALIASES = {"x-gzip": "gzip"}
WORTHWHILE_BYTES = 1024
"""Smaller answers fit a packet or two anyway."""
MOST_CODINGS = 4
"""One on another; what is compressed twice only grows."""
MOST_MEMBERS = 4096
"""Of one gzip; each costs some microseconds. A member for every 64 KiB is custom (BGZF)."""
_MEMBER = b"\x1f"  # begins each


def inflate(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """
    Undo a Content-Encoding, never producing more than the bound; for a thread.

    Args:
        body: As it came.
        encoding: The header's value: codings in the order in which they were applied.
        max_bytes: Most bytes after each of them.

    Raises:
        InvalidInput: Another coding, or bytes that are not what it says.
        TooLarge: If the body is larger than `max_bytes` once inflated.
    """
    codings = [coding for coding in map(_coding, encoding.split(",")) if coding]
    if len(codings) > MOST_CODINGS:
        raise InvalidInput(
            f"Content-Encoding may name at most {MOST_CODINGS} codings, got {len(codings)}"
        )
    for coding in reversed(codings):
        if coding not in _WINDOW:
            raise InvalidInput(
                f"Content-Encoding must be gzip, deflate or identity; got {short_repr(coding)}"
            )
        body = _undo(body, coding, max_bytes)
    return body


def _coding(name: str) -> str:
    name = name.strip(" \t").lower()  # names of codings have no case
    return "" if name == "identity" else _ALIASES.get(name, name)


def _undo(body: bytes, coding: str, max_bytes: int) -> bytes:
    pieces, size = [], 0
    try:
        for piece in letting_go(_inflated(body, coding)):
            size += len(piece)
            if size > max_bytes:
                raise TooLarge(f"a body may be at most {max_bytes} bytes, inflated it is more")
            pieces.append(piece)
    except zlib.error as exc:
        raise InvalidInput(f"the body must be {coding}: {exc}") from None
    return b"".join(pieces)


def _inflated(body: bytes, coding: str) -> Iterator[bytes]:
    """Inflate a piece at a time; a gzip may have several members, which are one text."""
    inflater, members = zlib.decompressobj(_WINDOW[coding]), 1
    for start in range(0, len(body), PIECE_BYTES):
        waiting = body[start : start + PIECE_BYTES]
        while waiting:
            if inflater.eof:
                members += 1
                _require_member(waiting, coding, members)
                inflater = zlib.decompressobj(_WINDOW[coding])
            if piece := inflater.decompress(waiting, PIECE_BYTES):
                yield piece
            waiting = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    while piece := inflater.decompress(b"", PIECE_BYTES):
        yield piece
    if not inflater.eof:
        raise InvalidInput(f"the body must be {coding}: it ends too early")


def _require_member(rest: bytes, coding: str, members: int) -> None:
    if coding != "gzip" or not rest.startswith(_MEMBER):
        raise InvalidInput(f"the body must be {coding}: something follows its end")
    if members > MOST_MEMBERS:
        raise InvalidInput(f"the body may be a gzip of at most {MOST_MEMBERS} members, got more")


def accepted(accept_encoding: str, size: int) -> str | None:
    """
    Choose a coding for an answer.

    Args:
        accept_encoding: The header's value; empty without one.
        size: Of the answer, in bytes.

    Returns:
        The one the client likes best, gzip before deflate; None for none: it takes neither, or
        likes the bare answer better, or that is short and not refused.
    """
    wanted = dict(_preference(part) for part in accept_encoding.split(","))
    other = wanted.get("*", 0.0)
    best = max(_WINDOW, key=lambda name: wanted.get(name, other))
    quality = wanted.get(best, other)
    if not quality or wanted.get("identity", 0.0) > quality:
        return None
    refused = wanted.get("identity", wanted.get("*", 1.0)) == 0
    return best if size >= WORTHWHILE_BYTES or refused else None


def deflate(body: bytes, encoding: str) -> bytes:
    """Apply an encoding of `accepted`, at the level that favours speed."""
    deflater = zlib.compressobj(1, zlib.DEFLATED, _WINDOW[encoding])
    return deflater.compress(body) + deflater.flush()


def deflated(pieces: Iterable[bytes], encoding: str) -> list[bytes]:
    """Apply it to a body in pieces, letting go of the interpreter after each; for a thread."""
    deflater = zlib.compressobj(1, zlib.DEFLATED, _WINDOW[encoding])
    made = [deflater.compress(piece) for piece in letting_go(pieces)]
    return [piece for piece in (*made, deflater.flush()) if piece]


_QUALITY = re.compile(r"q=([01](?:\.\d{0,3})?)").fullmatch


def _preference(part: str) -> tuple[str, float]:
    """A coding and how much it is wanted, from 0 to 1; what is no such thing is not wanted."""
    name, separator, parameter = part.lower().partition(";")
    quality = _QUALITY(parameter.strip(" \t"))
    wanted = min(float(quality[1]), 1.0) if quality else 0.0
    name = name.strip(" \t")
    return _ALIASES.get(name, name), wanted if separator else 1.0
