"""
Bytes of a file or of standard input, never more than a bound, however they come.

Covered:      files, pipes, gzip around either; a device that never ends.
Not covered:  what the bytes are (`input_file`).
"""

import gzip
import io
import sys
import zlib
from pathlib import Path
from typing import IO

from evaluation.errors import DatasetError

MOST_BYTES = 1 << 30
"""Inflated. 1.3 million images of MNIST; whoever has more has them in several files."""
_CHUNK_BYTES = 1 << 24
_GZIP = b"\x1f\x8b"


def read_bytes(file: Path | None) -> bytes:
    """
    Read a file, or standard input without one, and open gzip around it.

    Raises:
        DatasetError: It cannot be read, is empty, or too much.
    """
    try:
        if file is None:
            content = bounded(sys.stdin.buffer)
        else:
            with file.open("rb") as opened:
                content = bounded(opened)
        return content if content[:2] != _GZIP else bounded(gzip.open(io.BytesIO(content)))
    except (OSError, EOFError, zlib.error) as exc:  # BadGzipFile is an OSError
        raise DatasetError(f"cannot be read: {getattr(exc, 'strerror', None) or exc}") from exc


def bounded(stream: IO[bytes] | gzip.GzipFile) -> bytes:
    """
    Read a stream to its end.

    Raises:
        DatasetError: It is empty, or has more than `MOST_BYTES`.
    """
    chunks: list[bytes] = []
    size = 0
    while chunk := stream.read(_CHUNK_BYTES):
        chunks.append(chunk)
        size += len(chunk)
        if size > MOST_BYTES:
            raise DatasetError(f"at most {MOST_BYTES:,} bytes are read, there are more")
    if not size:
        raise DatasetError("rows were expected, it is empty")
    return b"".join(chunks)
