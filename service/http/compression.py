"""
Content-Encoding gzip and deflate: of requests, within a bound, and of answers where accepted.

Why not a middleware: Starlette's GZipMiddleware compresses answers alone, in the event loop, and
nothing of the framework inflates a request within a bound; DEFLATE can expand 1,032 times.
"""

import zlib
from collections.abc import Iterable

from service.errors import InvalidInput, TooLarge

_WINDOW = {"gzip": 31, "deflate": 15}  # zlib's window bits; HTTP's deflate is the zlib format
WORTHWHILE_BYTES = 1024
"""Smaller answers fit a packet or two anyway."""


def inflate(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """
    Undo a Content-Encoding, never producing more than the bound.

    Raises:
        InvalidInput: Another encoding, or bytes that are not what it says.
        TooLarge: If the body is larger than `max_bytes` once inflated.
    """
    encoding = encoding.lower()  # names of encodings have no case
    if encoding in ("", "identity"):
        return body
    if encoding not in _WINDOW:
        raise InvalidInput(f"Content-Encoding must be gzip, deflate or identity; got {encoding!r}")
    inflater = zlib.decompressobj(_WINDOW[encoding])
    try:
        inflated = inflater.decompress(body, max_bytes + 1)
    except zlib.error as exc:
        raise InvalidInput(f"the body must be {encoding}: {exc}") from None
    if len(inflated) > max_bytes:
        raise TooLarge(f"a body may be at most {max_bytes} bytes, inflated it is more")
    if not inflater.eof or inflater.unused_data:
        what = "it ends too early" if not inflater.eof else "something follows its end"
        raise InvalidInput(f"the body must be {encoding}: {what}")
    return inflated


def accepted(accept_encoding: str) -> str | None:
    """Choose an encoding the client names, gzip first; None if it names neither."""
    offered = dict(_offer(part) for part in accept_encoding.split(","))
    return next((name for name in _WINDOW if offered.get(name, 0.0) > 0), None)


def deflate(body: bytes, encoding: str) -> bytes:
    """Apply an encoding of `accepted`, at the level that favours speed."""
    return b"".join(deflated([body], encoding))


def deflated(pieces: Iterable[bytes], encoding: str) -> list[bytes]:
    """Apply it to a body in pieces, whose interpreter lock zlib does without."""
    deflater = zlib.compressobj(1, zlib.DEFLATED, _WINDOW[encoding])
    made = [deflater.compress(piece) for piece in pieces]
    return [piece for piece in (*made, deflater.flush()) if piece]


def _offer(part: str) -> tuple[str, float]:
    name, _, parameter = part.strip().lower().partition(";")
    quality = parameter.strip().removeprefix("q=")
    try:
        return name.strip(), float(quality) if quality else 1.0
    except ValueError:
        return name.strip(), 0.0
