"""
The messages between the service and the shadow's process, as objects and as bytes.

The service sends `ComputeSettings` once, then for each batch a `ComputeRequest`, its rows and its
logits; the process sends a `ComputeResult`. Each of these is one frame: its length, then JSON or
raw float32.

Covered:      the messages, their JSON, frames on asyncio's streams and on a blocking one.
Not covered:  when each is sent (`link`, `process`).

Own code, and not multiprocessing's connections: those pickle what they send, and nothing is
unpickled here: bytes become numbers, text and lists of them, whatever they are.

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

import numpy as np
import numpy.typing as npt

from fff.agreement import AgreementRule
from service.shadow.stats import BatchComparison

_LENGTH = struct.Struct("!Q")
Floats = npt.NDArray[np.float32]
"""A batch's rows, `[r, i]`, or their logits, `[r, o]`."""


class Twin(NamedTuple):
    """A dense twin as it is served."""

    name: str
    version: int
    sha256: str
    input_width: int
    output_width: int


class ComputeSettings(NamedTuple):
    """
    How twins are computed: as live batches are on a CPU, so that both are timed in the same way.

    Attributes:
        store: Path of the model store that twins are loaded from.
        backend: A name of `fff.backends.BACKENDS` that runs on a CPU.
        leaf_dtype: A name of `fff.backends.LEAF_DTYPES`.
        threads: Torch's threads for one batch.
        strict: Whether the examples of a network of blocks are computed one after the other.
    """

    store: Path
    backend: str
    leaf_dtype: str
    threads: int
    strict: bool = False


class ComputeRequest(NamedTuple):
    """
    What precedes a batch's rows and logits.

    Attributes:
        twin: The twin that is to compute the batch.
        keep: Twins that stay loaded; others give their memory back.
        rule: What counts as agreement with the FFF.
    """

    twin: Twin
    keep: frozenset[Twin]
    rule: AgreementRule


class ComputeResult(NamedTuple):
    """
    What a request comes back as.

    Attributes:
        comparison: Of the batch; None if the twin failed.
        failure: Why it failed, else empty.
        busy_s: Processor seconds of all the process's threads since the result before, without
            loading.
    """

    comparison: BatchComparison | None
    failure: str
    busy_s: float


def encode(message: ComputeSettings | ComputeRequest | ComputeResult) -> bytes:
    """Write a message as JSON: its fields in their order."""
    return json.dumps(message, default=_plain).encode()


def _plain(field: Path | frozenset[Twin] | AgreementRule) -> object:
    if isinstance(field, AgreementRule):
        return field.tolerances
    return str(field) if isinstance(field, Path) else list(field)


def decode_settings(raw: bytes) -> ComputeSettings:
    """Read what `encode` wrote."""
    store, *others = json.loads(raw)
    return ComputeSettings(Path(store), *others)


def decode_request(raw: bytes) -> ComputeRequest:
    """Read what `encode` wrote."""
    twin, keep, tolerances = json.loads(raw)
    rule = AgreementRule(None if tolerances is None else tuple(tolerances))
    return ComputeRequest(Twin(*twin), frozenset(Twin(*fields) for fields in keep), rule)


def decode_result(raw: bytes) -> ComputeResult:
    """Read what `encode` wrote."""
    comparison, failure, busy_s = json.loads(raw)
    return ComputeResult(
        None if comparison is None else BatchComparison(*comparison), failure, busy_s
    )


def frame(*parts: bytes | memoryview) -> Iterable[bytes | memoryview]:
    """Put the length of all parts, in bytes, before them; nothing is copied."""
    return _LENGTH.pack(sum(memoryview(part).nbytes for part in parts)), *parts


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """
    Read one frame on the event loop.

    Raises:
        EOFError: If the stream ends before the frame does.
    """
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return await reader.readexactly(length)


def receive_frame(stream: BufferedReader) -> bytes:
    """
    Read one frame, blocking until it is whole.

    Raises:
        EOFError: If the stream ends before the frame does.
    """
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    return _exactly(stream, length)


def _exactly(stream: BufferedReader, length: int) -> bytes:
    content = stream.read(length)
    if len(content) < length:
        raise EOFError(f"{length} bytes were expected, {len(content)} came")
    return content
