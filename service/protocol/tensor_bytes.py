"""
Tensors as bytes: little-endian and row-major, as the binary tensor extension and gRPC carry them.

Covered:      FP32, read where it lies without a copy; UINT8, FP16, BF16; INT64, INT32 and BOOL of
              token ids and their masks.
Not covered:  BYTES (`texts`).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from model_store.manifest import Uint8Scaling
from service.engine.offload import letting_go
from service.errors import InvalidInput, short_repr

Rows = npt.NDArray[np.float32]
_PIECE_ITEMS = 16_384  # 64 KiB of float32: 0.01 ms to copy, 0.1 to send (Xeon VM, 2026-11-26)
WHOLE_BYTES = {"INT64": 8, "INT32": 4, "BOOL": 1}
ITEM_BYTES = {"FP32": 4, "UINT8": 1, "FP16": 2, "BF16": 2}


def decode(
    raw: bytes | memoryview, datatype: str, rows: int, width: int, scaling: Uint8Scaling | None
) -> Rows:
    """
    Read rows.

    Args:
        raw: Exactly `rows * width` items.
        datatype: A key of `ITEM_BYTES`.
        rows: How many the request says, at least 1.
        width: Input width of the model, `i`.
        scaling: How the model scales pixels, or None if it takes none.

    Returns:
        `[rows, width]`, float32; of FP32 a read-only view of `raw`. NaN and infinity are left
        for the worker to refuse, which looks at a whole batch in the time of one request.

    Raises:
        InvalidInput: Another datatype, another length, pixels the model does not take.
    """
    item = ITEM_BYTES.get(datatype)
    if item is None:
        raise InvalidInput(
            f"input must have datatype {', '.join(ITEM_BYTES)}; got {short_repr(datatype)}"
        )
    if len(raw) != rows * width * item:
        raise InvalidInput(
            f"input: {rows} rows of {width} {datatype} are {rows * width * item} bytes, "
            f"got {len(raw)}"
        )
    if datatype == "UINT8":
        return scaled(np.frombuffer(raw, np.uint8), scaling).reshape(rows, width)
    if datatype == "FP32":
        numbers: Rows = np.frombuffer(raw, "<f4")
    elif datatype == "FP16":
        numbers = np.frombuffer(raw, "<f2").astype(np.float32)
    else:  # the upper half of a float32
        numbers = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
    return numbers.reshape(rows, width)


def decode_whole(
    raw: bytes | memoryview, datatype: str, shape: tuple[int, int], name: str
) -> npt.NDArray[Any]:
    """
    Read token ids or a mask.

    Args:
        raw: Exactly as many items as the shape has.
        datatype: A key of `WHOLE_BYTES`.
        shape: As the request says.
        name: Of the tensor, for errors.

    Returns:
        A read-only view of `raw`, of the shape.

    Raises:
        InvalidInput: Another length.
    """
    size = shape[0] * shape[1] * WHOLE_BYTES[datatype]
    if len(raw) != size:
        raise InvalidInput(f"{name}: {[*shape]} {datatype} are {size} bytes, got {len(raw)}")
    kind = "u" if datatype == "BOOL" else "i"
    return np.frombuffer(raw, f"<{kind}{WHOLE_BYTES[datatype]}").reshape(shape)


def scaled(pixels: npt.NDArray[np.uint8], scaling: Uint8Scaling | None) -> Rows:
    """
    Turn pixels into the network's input.

    Raises:
        InvalidInput: If the model takes none.
    """
    if scaling is None:
        raise InvalidInput("input: this model has no pixel scaling; send FP32, not UINT8")
    return scaling.decode(pixels)


def encode(tensor: npt.NDArray[np.generic]) -> bytes:
    """Write a tensor of any shape."""
    return tensor.astype(tensor.dtype.newbyteorder("<"), copy=False).tobytes()


def encode_pieces(tensor: npt.NDArray[np.generic]) -> list[bytes]:
    """Write a large one, letting go of the interpreter after each piece."""
    flat = np.ascontiguousarray(tensor).reshape(-1)
    starts = range(0, len(flat), _PIECE_ITEMS)
    return [*letting_go(encode(flat[k : k + _PIECE_ITEMS]) for k in starts)]
