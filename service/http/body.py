"""
A request's body: read within its bound, counted among all that are under way, and parsed in the
event loop if that is soon done, in a thread otherwise.

Covered:      the bounds of one body and of all together, and where a body is parsed.
Not covered:  what it holds (`service.protocol`), how large is too large for the event loop
              (`service.engine.offload`), the fast path, which reads within its own bound.
"""

from collections.abc import Callable
from typing import Self, TypeVar

from starlette.types import Receive

from service.engine.engine import Engine
from service.engine.offload import IN_LOOP_BYTES as PARSE_IN_LOOP_BYTES
from service.engine.offload import HoldsLoop
from service.errors import BodiesFull, Disconnected, TooLarge

__all__ = ["PARSE_IN_LOOP_BYTES", "Bodies", "BodyRoom", "HeldBytes", "read_body"]

T = TypeVar("T")

_MOST_DIGITS = 18  # of a Content-Length; what has more is beyond any bound


class BodyRoom:
    """
    Counts the bytes of all bodies that have come and are not yet rows.

    Args:
        max_bytes: Most of them.

    Attributes:
        taken: Bytes held now.
    """

    def __init__(self, max_bytes: int):
        self.max_bytes, self.taken = max_bytes, 0

    def hold(self) -> "HeldBytes":
        """Begin to count for one request; use it as a context."""
        return HeldBytes(self)


class HeldBytes:
    """What one request holds; it gives all of it back at once, and may do so again."""

    __slots__ = ("_room", "bytes")

    def __init__(self, room: BodyRoom):
        self._room, self.bytes = room, 0

    def take(self, size: int) -> None:
        """
        Count more bytes.

        Raises:
            BodiesFull: If there is no room for them; they are not counted then.
        """
        room = self._room
        if room.taken + size > room.max_bytes:
            raise BodiesFull(
                f"bodies of other requests hold {room.taken} of at most {room.max_bytes} bytes, "
                f"{size} more do not fit"
            )
        room.taken += size
        self.bytes += size

    def give_back(self) -> None:
        """Count them no longer."""
        self._room.taken -= self.bytes
        self.bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()


class Bodies:
    """
    Reads and parses the bodies of one service.

    Args:
        engine: Has the settings, and the threads for what is large.

    Attributes:
        max_bytes: Most bytes of one body, as it comes and inflated.
        room: Counts all of them.
    """

    def __init__(self, engine: Engine):
        self.max_bytes = engine.settings.max_body_bytes
        self.room = BodyRoom(engine.settings.max_inflight_body_bytes)
        self._offload = engine.offload

    async def rows(
        self,
        receive: Receive,
        content_length: bytes,
        encoding: bytes,
        parse: Callable[[bytes], T],
    ) -> T:
        """
        Read a body and parse it without holding the event loop for longer than a batch may.

        Args:
            receive: The request's, of ASGI.
            content_length: The header's value; empty without one.
            encoding: Its Content-Encoding; empty without one.
            parse: Called with the body as it came; must be safe in a thread, lets go of the
                interpreter there, and may raise HoldsLoop.

        Raises:
            BodiesFull: Too many bytes of other bodies are under way.
            TooLarge, Disconnected: As `read_body`.
        """
        with self.room.hold() as held:
            try:
                pieces = await _read_pieces(receive, content_length, self.max_bytes, held.take)
            except (Disconnected, TooLarge, BodiesFull):
                self._offload.give_back_soon()
                raise
            if not encoding and held.bytes <= PARSE_IN_LOOP_BYTES:
                try:
                    return parse(b"".join(pieces))
                except HoldsLoop:
                    pass
            # The pieces are freed once they are joined, which takes milliseconds too.
            return await self._offload.run(lambda: parse(_joined(pieces)))


def _joined(pieces: list[bytes]) -> bytes:
    whole = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    pieces.clear()
    return whole


async def read_body(receive: Receive, content_length: bytes, max_bytes: int) -> bytes:
    """
    Read a whole body, but never more than the bound.

    Args:
        receive: The request's, of ASGI.
        content_length: The header's value; empty without one.
        max_bytes: Most bytes that are taken.

    Raises:
        TooLarge: By its Content-Length before anything is read, or when more bytes came.
        Disconnected: If the client left midway.
    """
    return b"".join(await _read_pieces(receive, content_length, max_bytes, lambda _: None))


async def _read_pieces(
    receive: Receive, content_length: bytes, max_bytes: int, take: Callable[[int], None]
) -> list[bytes]:
    _require_within(content_length.strip(b" \t"), max_bytes)
    pieces: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected("the client left before its body was complete")
        piece: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(piece)
        if size > max_bytes:
            raise TooLarge(f"a body may be at most {max_bytes} bytes, more came")
        take(len(piece))
        if piece:
            pieces.append(piece)
    return pieces


def _require_within(content_length: bytes, max_bytes: int) -> None:
    if not content_length.isdigit():
        return
    if len(content_length) > _MOST_DIGITS or int(content_length) > max_bytes:
        said = content_length[:_MOST_DIGITS].decode()
        said += "…" * (len(content_length) > _MOST_DIGITS)
        raise TooLarge(f"a body may be at most {max_bytes} bytes, Content-Length is {said}")
