"""
From the bytes of a call to its message, without holding the event loop for long.

protobuf keeps the interpreter to itself until it has read a message to its end: 44 ms for eight
million pixels, 76 for two million empty tensors (Xeon, 2026-11-27). So the numbers of a large
tensor are taken out before, to be read where they lie, and of the rest no more is read than is
quick. What grpc itself does with a message, 1 to 2 ms a megabyte, remains.

Covered:      raw contents, packed `fp32_contents` and `uint_contents` of inputs; how much else a
              message may be.
Not covered:  what the numbers are for (`tensors`).

Source: protobuf.dev/programming-guides/encoding.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from service.engine.offload import PIECE_BYTES
from service.errors import InvalidInput, ServiceError, TooLarge
from service.grpc.schema import Call
from service.metrics.pacing import let_go

Contents = Mapping[str, memoryview]
"""The packed numbers of the one large tensor that a message holds, by the name of their field."""

LARGE_BYTES = 64 * 1024
"""From here on numbers are taken out."""
QUICK_BYTES = 128 * 1024
"""Most of the rest: protobuf reads it in 2.5 ms, if it is nothing but empty tensors."""
_MOST_FIELDS = 1000  # of a message that holds a large one: some 1 ms to walk over
_LARGE: dict[int, Any] = {
    5: {5: {4: "uint_contents", 6: "fp32_contents"}},
    7: "raw_input_contents",
}
"""Where such numbers are: fields of ModelInferRequest, its inputs, and their contents."""
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5


class Received(NamedTuple):
    """A message, and what was taken out of it."""

    message: Any
    contents: Contents

    @property
    def raw(self) -> list[bytes | memoryview]:
        """The raw contents of its inputs."""
        large = self.contents.get("raw_input_contents")
        return [*self.message.raw_input_contents, *([] if large is None else [large])]


class _Field(NamedTuple):
    number: int
    delimited: bool
    start: int  # of its tag
    body: int
    end: int


def read_message(call: Call, raw: bytes) -> Received | ServiceError:
    """
    Read the message of a call.

    Returns:
        It; or what is wrong with it, since grpc tells clients where an exception was raised.
    """
    contents: dict[str, memoryview] = {}
    try:
        if len(raw) > LARGE_BYTES:
            raw = b"".join(_without_large(memoryview(raw), _LARGE, contents))
        return Received(call.request.FromString(raw), contents)
    except (DecodeError, IndexError):
        return InvalidInput(f"the message must be a {call.request.DESCRIPTOR.full_name}")
    except ServiceError as error:
        return error


def _without_large(
    data: memoryview, large: Mapping[int, Any], contents: dict[str, memoryview]
) -> list[bytes | memoryview]:
    """The fields of a message, without the large ones, which are put where they are asked for."""
    kept: list[bytes | memoryview] = []
    for field in _fields(data):
        body = data[field.body : field.end]
        below = large.get(field.number) if field.delimited else None
        if below is None or len(body) <= LARGE_BYTES:
            kept.append(data[field.start : field.end])
        elif isinstance(below, str):
            if below in contents:
                raise InvalidInput(f"{below} must come in one piece")
            contents[below] = body
        else:
            inner = _without_large(body, below, contents)
            tag = _varint(field.number << 3 | _DELIMITED)
            kept += [tag, _varint(sum(map(len, inner))), *inner]
    size = sum(map(len, kept))
    if size > QUICK_BYTES:
        raise TooLarge(
            f"beside raw or packed numbers a message may have at most {QUICK_BYTES} bytes, "
            f"got {size}"
        )
    return kept


def _fields(data: memoryview) -> Iterator[_Field]:
    at = 0
    for _ in range(_MOST_FIELDS):
        if at >= len(data):
            return
        start = at
        tag, body = _read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            at = _read_varint(data, body)[1]
        elif wire == _DELIMITED:
            size, body = _read_varint(data, body)
            at = body + size
        elif wire in (_FIXED64, _FIXED32):
            at = body + (8 if wire == _FIXED64 else 4)
        else:
            raise DecodeError
        if at > len(data):
            raise DecodeError
        yield _Field(number, wire == _DELIMITED, start, body, at)
    if at < len(data):
        raise TooLarge(f"a large message may have at most {_MOST_FIELDS} fields")


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    value = 0
    for shift in range(0, 64, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise DecodeError


def _varint(value: int) -> bytes:
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def read_floats(packed: memoryview) -> npt.NDArray[np.float32]:
    """
    Read packed `fp32_contents` where they lie.

    Raises:
        InvalidInput: If they are not four bytes each.
    """
    if len(packed) % 4:
        raise InvalidInput(f"fp32_contents must be 4 bytes a number, got {len(packed)}")
    return np.frombuffer(packed, "<f4")


def read_pixels(packed: memoryview) -> npt.NDArray[np.uint8]:
    """
    Read packed `uint_contents`, letting go of the interpreter after each piece.

    Raises:
        InvalidInput: If one is beyond 255, or written longer than it need be.
    """
    data = np.frombuffer(packed, np.uint8)
    pieces: list[npt.NDArray[np.uint8]] = []
    start = 0
    while start < len(data):
        piece = data[start : start + PIECE_BYTES]
        ends = np.flatnonzero(piece < 0x80)
        sizes = np.diff(ends, prepend=-1)
        last = piece[ends]
        if not len(ends) or sizes.max() > 2 or last[sizes == 2].max(initial=0) > 1:
            raise InvalidInput("UINT8 must be whole numbers from 0 to 255")
        first = piece[ends - sizes + 1] & 0x7F
        pieces.append(np.where(sizes == 2, first | last << 7, last))
        start += int(ends[-1]) + 1
        let_go()
    return np.concatenate(pieces)
