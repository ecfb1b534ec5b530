"""
What the service and the shadow's process say to each other, as objects and as bytes.

The service says `Conditions` once, then for each batch `Asked`, its rows and its logits; the
process says `Answered`. Each of these is one frame: its length, then JSON or raw float32. Nothing
is unpickled: bytes become numbers, text and lists of them, whatever they are.

Covered:      the messages, their JSON, frames on asyncio's streams and on a blocking one.
Not covered:  who sends when (`shadow_link`, `shadow_process`).

By the standard library's JSON: orjson refuses the name of a file that is not UTF-8, which the store
or a failure may have, and makes null of an infinite difference. A batch costs the service 24 µs
with the one, 4 with the other (timeit), 13 with pickle.
"""

import asyncio
import json
import struct
from collections.abc import Iterable
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from service.shadow.stats import Compared

_LENGTH = struct.Struct("!Q")


class Twin(NamedTuple):
    """A dense twin as it is served."""

    name: str
    version: int
    sha256: str
    device: str
    input_width: int
    output_width: int


class Conditions(NamedTuple):
    """Under which live batches compute: the twin is timed under the same."""

    store: Path
    backend: str
    leaf_dtype: str
    threads: int


class Asked(NamedTuple):
    """What comes before a batch's rows and logits: which twin is to compute, and which stay."""

    twin: Twin
    keep: frozenset[Twin]


class Answered(NamedTuple):
    """
    What goes back.

    Attributes:
        found: None if the twin did not answer.
        failure: Why not.
        busy_s: Processor time of all the process's threads since the answer before, without
            loading.
    """

    found: Compared | None
    failure: str
    busy_s: float


def packed(message: Conditions | Asked | Answered) -> bytes:
    """Write a message as JSON: its fields in their order."""
    return json.dumps(message, default=_plain).encode()


def _plain(field: Path | frozenset[Twin]) -> str | list[Twin]:
    return str(field) if isinstance(field, Path) else list(field)


def conditions_of(raw: bytes) -> Conditions:
    """Read what `packed` wrote."""
    store, backend, leaf_dtype, threads = json.loads(raw)
    return Conditions(Path(store), backend, leaf_dtype, threads)


def asked_of(raw: bytes) -> Asked:
    """Read what `packed` wrote."""
    twin, keep = json.loads(raw)
    return Asked(Twin(*twin), frozenset(Twin(*each) for each in keep))


def answered_of(raw: bytes) -> Answered:
    """Read what `packed` wrote."""
    found, failure, busy_s = json.loads(raw)
    return Answered(None if found is None else Compared(*found), failure, busy_s)


def framed(*parts: bytes | memoryview) -> Iterable[bytes | memoryview]:
    """Put the length of all parts, in bytes, before them; nothing is copied."""
    return _LENGTH.pack(sum(memoryview(part).nbytes for part in parts)), *parts


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """
    Take one frame.

    Raises:
        EOFError: If it is not all there.
    """
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return await reader.readexactly(length)


def receive_frame(stream: BufferedReader) -> bytes:
    """
    Wait for one frame.

    Raises:
        EOFError: If it is not all there.
    """
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    return _exactly(stream, length)


def _exactly(stream: BufferedReader, length: int) -> bytes:
    found = stream.read(length)
    if len(found) < length:
        raise EOFError(f"{length} bytes were expected, {len(found)} came")
    return found
