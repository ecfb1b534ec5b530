"""
Images from an IDX file (the format of MNIST), plain or gzipped, as rows of raw pixels.

Standard library alone: the load generator's container holds locust and nothing of ours.

Covered:      unsigned bytes, any number of dimensions; the first is the image.
Not covered:  the other IDX element types, labels.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from loadtest.harness.errors import LoadTestError

BUNDLED = Path(__file__).parents[1] / "data" / "digits-images.idx3-ubyte.gz"
UNSIGNED_BYTE = 8  # IDX element type code


def read_images(path: Path, limit: int) -> list[bytes]:
    """
    Read the first images of a file, each as one row of pixels.

    Raises:
        LoadTestError: If the file is missing, not IDX, empty or shorter than it says.
    """
    try:
        with _open(path) as file:
            return _read(file, path, limit)
    except (OSError, EOFError, zlib.error, struct.error) as exc:
        raise LoadTestError(f"images file {path}: {exc}") from None


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _read(file: BinaryIO, path: Path, limit: int) -> list[bytes]:
    head = file.read(4)
    if len(head) < 4 or head[:3] != bytes([0, 0, UNSIGNED_BYTE]) or not head[3]:
        raise LoadTestError(f"images file {path} must be IDX of unsigned bytes, begins {head!r}")
    count, *shape = struct.unpack(f">{head[3]}I", file.read(4 * head[3]))
    width = math.prod(shape)
    images = min(count, limit)
    pixels = file.read(images * width)
    if not pixels or len(pixels) < images * width:
        raise LoadTestError(
            f"images file {path} must hold {count} images of {width} pixels; it ends early"
        )
    return [pixels[k : k + width] for k in range(0, len(pixels), width)]
