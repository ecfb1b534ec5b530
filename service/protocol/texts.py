"""
Text, `BYTES`, to token ids, by the tokenizer of the model's checkpoint.

A text that is too long is refused with its length, never cut. What takes long is done in a thread,
some texts at a time.

Covered:      lists of texts, and their bytes: each behind its length, 4 bytes, as the binary tensor
              extension has them.
Not covered:  the tokenizer itself (`networks.text`), ids (`token_ids`).
"""

import struct
from collections.abc import Iterator, Sequence

from service.engine.offload import require_thread
from service.errors import InvalidInput, short_repr
from service.metrics.pacing import let_go
from service.protocol.open_inference import InputSpec
from service.protocol.token_ids import Ids, ids_of_lists

IN_LOOP_CHARACTERS = 2048
"""Longer texts are for a thread: by a WordPiece vocabulary of 30,000 some 0.5 ms."""
_MOST_CHARACTERS = 64
"""Of a text for each token that it may have: no language comes near, and more takes long."""
_LENGTH = struct.Struct("<I")


def ids_of_texts(texts: object, name: str, model: InputSpec) -> Ids:
    """
    Make ids of a list of texts.

    Raises:
        InvalidInput: No texts, one that makes no token or too many; or the model has no tokenizer.
        HoldsLoop: In the event loop, where it would take long.
    """
    if model.tokenizer is None:
        raise InvalidInput(f"{name}: this model has no tokenizer for text; send token ids, INT64")
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
        raise InvalidInput(f"{name} must be a list of texts, at least one; got {short_repr(texts)}")
    if sum(map(len, texts)) > IN_LOOP_CHARACTERS:
        require_thread()
    most = model.manifest.input_width
    for row, text in enumerate(texts):
        if len(text) > _MOST_CHARACTERS * most:
            raise InvalidInput(
                f"{name}: row {row} has {len(text)} characters, more than {most} tokens can be"
            )
    ids: list[list[int]] = []
    for piece in _pieces(texts):
        if ids:
            let_go()
        ids += model.tokenizer.ids(piece)
    for row, own in enumerate(ids):
        if not 1 <= len(own) <= most:
            raise InvalidInput(
                f"{name}: row {row} must be a text of 1 to {most} tokens, it makes {len(own)}"
            )
    return ids_of_lists(ids, name, model.manifest)


def read_texts(raw: bytes | memoryview, count: int, name: str) -> list[str]:
    """
    Read the bytes of a tensor of texts.

    Raises:
        InvalidInput: They are not so many texts.
    """
    texts: list[str] = []
    place, end = 0, len(raw)
    while place < end and len(texts) < count:
        if place + _LENGTH.size > end:
            break
        (size,) = _LENGTH.unpack_from(raw, place)
        place += _LENGTH.size
        if place + size > end:
            break
        texts.append(decoded(bytes(raw[place : place + size]), name, len(texts)))
        place += size
    if len(texts) != count or place != end:
        raise InvalidInput(
            f"{name}: {count} BYTES are as many texts, each behind its length of 4 bytes; the "
            f"{end} bytes that came are not"
        )
    return texts


def decoded(raw: bytes, name: str, row: int) -> str:
    """
    Read a text.

    Raises:
        InvalidInput: It is not UTF-8.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        raise InvalidInput(f"{name}: row {row} must be UTF-8: {exc.reason}") from None


def count_of(shape: object, name: str) -> int:
    """
    Take the shape of a tensor of texts, `[n]` or `[n, 1]`.

    Raises:
        InvalidInput: It is none.
    """
    if isinstance(shape, list) and 1 <= len(shape) <= 2 and shape[1:] in ([], [1]):
        count = shape[0]
        if type(count) is int and count >= 1:
            return count
    raise InvalidInput(f"{name}: shape of BYTES must be [rows], got {short_repr(shape)}")


def _pieces(texts: Sequence[str]) -> Iterator[list[str]]:
    piece: list[str] = []
    size = 0
    for text in texts:
        piece.append(text)
        size += len(text)
        if size >= IN_LOOP_CHARACTERS:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece
