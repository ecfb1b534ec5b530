"""
From the bytes of a request to rows of numbers, with an error for everything that is neither.

Covered:      JSON, nested and flat lists, FP32 and UINT8.
Not covered:  token ids (`token_ids`), the binary tensor extension (`tensor_bytes`), reading bodies
              (`service.http.body`).

Content-Type is never looked at: the real Triton client sends none.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from model_store.manifest import Uint8Scaling
from service.errors import InvalidInput, short_repr
from service.protocol.pixels import refuse_pixels
from service.protocol.tensor_bytes import Rows

_MOST_WHOLE = 1 << 53


def parse_object(body: bytes) -> dict[str, Any]:
    """
    Read a JSON object.

    Raises:
        InvalidInput: If it is anything else.
    """
    if not body:
        raise InvalidInput("the body must be a JSON object, got an empty body")
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        hint = ""
        if any(word in body for word in (b"NaN", b"Infinity")):
            hint = "; JSON has no NaN or Infinity, and inputs must be finite"
        raise InvalidInput(f"the body must be JSON: {exc}{hint}") from None
    if not isinstance(parsed, dict):
        raise InvalidInput(f"the body must be a JSON object, got {_json_type(parsed)}")
    return parsed


def examples_of(shape: object, name: str, example: Sequence[int]) -> int:
    """
    How many examples a tensor of a shape holds: rows of all of their numbers, or as they are.

    Args:
        shape: As it came.
        name: Of the tensor, for errors.
        example: Shape of one, such as `[c, h, w]`.

    Raises:
        InvalidInput: Another shape, or none of them.
    """
    if isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape):
        count, own = (shape[0], shape[1:]) if shape else (0, [])
        if count and own in ([*example], [prod(example)]):
            return int(count)
    raise InvalidInput(
        f"{name}: shape must be {shapes_taken(example)} with rows >= 1, got {short_repr(shape)}"
    )


def shapes_taken(example: Sequence[int]) -> str:
    """Say which shapes a tensor of examples may have, for errors."""
    forms = [example] if len(example) == 1 else [example, [prod(example)]]
    return " or ".join(f"[rows, {', '.join(map(str, form))}]" for form in forms)


def to_rows(
    data: object, name: str, datatype: object, width: int, scaling: Uint8Scaling | None
) -> Rows:
    """
    Turn nested lists of numbers into the network's input.

    Args:
        data: `[r, width]`, or flat: lists as parsed from JSON, or an array of numbers.
        name: What the caller calls it, for errors.
        datatype: `FP32`, used untouched unless it looks like pixels, or `UINT8`, raw pixels.
        width: Input width of the model, `i`.
        scaling: How the model scales pixels, or None if it takes none.

    Returns:
        `[r, width]`, float32, or `[r * width]` if `data` was flat.

    Raises:
        InvalidInput: Text, null, ragged rows, NaN, no rows, pixels beyond 0 to 255, or pixels that
            are said to be FP32.
    """
    numbers = data if isinstance(data, np.ndarray) else checked_numbers(data, name)
    if numbers.size == 0:
        raise InvalidInput(f"{name} must hold at least one row of {width} numbers, got none")
    if datatype == "INT64":
        raise InvalidInput(
            f"{name} must have datatype FP32 or UINT8, got 'INT64': this model takes no token ids"
        )
    rows = converted(numbers, name, datatype)
    if datatype == "FP32":
        refuse_pixels(rows, name, scaling)
        return rows
    if scaling is None:
        raise InvalidInput(f"{name}: this model has no pixel scaling; send FP32, not UINT8")
    return scaling.decode(rows)


def all_finite(numbers: npt.NDArray[np.float32]) -> bool:
    """Whether none is NaN or infinite; half as long as by `ndarray.all` for a row."""
    return b"\0" not in np.isfinite(numbers).tobytes()


def converted(numbers: npt.NDArray[Any], name: str, datatype: object) -> npt.NDArray[Any]:
    """
    Take numbers, at least one, as the datatype says: float32, uint8, or int64.

    Raises:
        InvalidInput: Another datatype; numbers that are not of it.
    """
    if datatype == "FP32":
        if numbers.dtype == np.float32:  # they have been here before
            return numbers
        with np.errstate(over="ignore"):
            # By way of float64, which JSON's numbers are by custom: a whole number beside
            # fractions is one already, and among whole numbers must not round otherwise.
            rows = numbers.astype(np.float64, copy=False).astype(np.float32)
        if not all_finite(rows):
            raise InvalidInput(f"{name} must be finite float32 numbers, got one beyond 3.4e38")
        return rows
    if datatype == "INT64":
        return whole(numbers, name)
    if datatype != "UINT8":
        raise InvalidInput(f"{name} must have datatype FP32 or UINT8, got {short_repr(datatype)}")
    if numbers.dtype.kind not in "iu" or numbers.min() < 0 or numbers.max() > 255:
        raise InvalidInput(f"{name}: UINT8 must be whole numbers from 0 to 255")
    return numbers.astype(np.uint8)


def whole(numbers: npt.NDArray[Any], name: str) -> npt.NDArray[np.int64]:
    """
    Take whole numbers, which JSON's readers may have made floats of: exactly, up to 2**53.

    Raises:
        InvalidInput: If one is not.
    """
    if numbers.dtype.kind in "iu":
        if numbers.dtype == np.uint64 and numbers.max() > _MOST_WHOLE:
            raise InvalidInput(f"{name} must hold whole numbers up to 2**53, got {numbers.max()}")
        return numbers.astype(np.int64, copy=False)
    if numbers.dtype.kind != "f" or not (np.abs(numbers) <= _MOST_WHOLE).all():
        raise InvalidInput(f"{name} must hold whole numbers up to 2**53")
    found: npt.NDArray[np.int64] = numbers.astype(np.int64)
    other = numbers[found != numbers]
    if other.size:
        raise InvalidInput(f"{name} must hold whole numbers, got {other[0]:g}")
    return found


def checked_numbers(data: object, name: str) -> npt.NDArray[Any]:
    """
    Make an array of parsed lists.

    Raises:
        InvalidInput: Anything but numbers in rows of equal length.
    """
    if not isinstance(data, list):
        raise InvalidInput(f"{name} must be a list of rows, got {_json_type(data)}")
    try:
        numbers = np.asarray(data)
    except ValueError:
        raise InvalidInput(f"{name} must be rows of equal length, got ragged rows") from None
    if numbers.dtype.kind == "O":
        raise InvalidInput(f"{name} must hold numbers, got null or an object")
    if numbers.dtype.kind not in "iufb":
        kind = "text" if numbers.dtype.kind == "U" else "something else"
        raise InvalidInput(f"{name} must hold numbers, got {kind}")
    if _holds_boolean(data):  # which numpy counts as 0 and 1 among numbers
        raise InvalidInput(f"{name} must hold numbers, got booleans")
    return numbers


def _holds_boolean(data: list[Any]) -> bool:
    types = {*map(type, data)}
    return bool in types or (list in types and any(map(_holds_boolean, data)))


def _json_type(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "text", bool: "a boolean"}
    return "null" if value is None else names.get(type(value), "a number")
