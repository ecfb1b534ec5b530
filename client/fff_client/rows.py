"""
What a caller has, as rows that can be sent: numpy's, lists, torch's, pandas', images.

What can be taken without a doubt is taken. What means one thing to one caller and another to the
next (whole numbers) is refused, with the argument or the call that says which.

Covered:      numbers, shapes, pixels; labels.
Not covered:  widths and finite numbers, which the service checks; bytes of requests (`wire`).

torch, pandas and PIL are told by their methods and never imported.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[Any]
NamedRows = Sequence[Mapping[str, Any]] | Any
"""Mappings, or a table of pandas, which is not imported to be named here."""
LARGEST_PIXEL = 255
_TORCH_FLOATS = ("torch.float16", "torch.float32", "torch.float64")  # those that numpy has, too


def rows_of(x: npt.ArrayLike, pixels: bool | None = None) -> Rows:
    """
    Take what a caller calls rows.

    Args:
        x: `[r, i]`; one row, `[i]`; images of one channel, `[r, h, w]`, of which an image becomes
            a row, line by line; or images of several, `[r, c, h, w]`, which the service takes for
            models of such images and no others. One image of PIL, of mode L, is one row.
        pixels: True takes whole numbers from 0 to 255 of any type as pixels, False any numbers as
            what the network itself takes. None takes uint8 as pixels and floats as the network's.

    Returns:
        `[r, i]` or `[r, c, h, w]`, uint8, float16 or float32; contiguous and little-endian.

    Raises:
        TypeError: Not numbers, or whole numbers without a word in `pixels`.
        ValueError: Another shape, no rows, or numbers that are no pixels.
    """
    numbers = _as_rows(_numbers(x), x)
    if pixels is None or (pixels and numbers.dtype == np.bool_):
        pixels = _are_pixels(numbers.dtype)
    rows = _pixels(numbers) if pixels else _floats(numbers)
    return np.ascontiguousarray(rows, rows.dtype.newbyteorder("<"))


def look_like_pixels(rows: Rows) -> bool:
    """
    Whether floats can only be meant as pixels where a model scales pixels by less than 1.

    The service's own rule for JSON: whole numbers from 0 to 255, and one of them 2 or more, since
    black and white may be 0 and 1 in what the network takes, too.
    """
    if rows.dtype == np.uint8:
        return False
    first = rows.item(0)  # mostly a corner of an image, which scaling often makes -1
    if not (first >= 0 and first.is_integer()) or not 2 <= rows.max() <= LARGEST_PIXEL:
        return False
    return bool(rows.min() >= 0 and (rows == np.floor(rows)).all())


def labels_of(labels: npt.ArrayLike) -> list[Any]:
    """
    Take the classes of rows: whole numbers of any type, which the service checks.

    Raises:
        TypeError: Not numbers.
    """
    array = _numbers(labels)
    if array.dtype.kind == "f" and (array == np.floor(array)).all():
        array = array.astype(np.int64)  # a column beside one of floats is one of floats, too
    listed: list[Any] = array.tolist()
    return listed


def named_rows_of(rows: NamedRows) -> list[dict[str, Any]]:
    """
    Take rows that name their values: mappings, of which one alone is one row, or a DataFrame.

    numpy's numbers become Python's, and NaN becomes null, which the service refuses by name.

    Raises:
        TypeError: Anything else.
        ValueError: No rows.
    """
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):
        rows = rows.to_dict("records")
    listed = [rows] if isinstance(rows, Mapping) else list(rows)
    if not listed:
        raise ValueError("rows must have at least one row, got none")
    for row in listed:
        if not isinstance(row, Mapping):
            raise TypeError(f"rows must be mappings of names to values, got {type(row).__name__}")
    return [{name: _plain(value) for name, value in row.items()} for row in listed]


def _plain(value: Any) -> Any:
    plain = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(plain, float) and plain != plain else plain


def _numbers(x: Any) -> Rows:
    """Make an array whose items are numbers; raises as `rows_of`."""
    array = _array(x)
    if array.dtype.kind not in "fuib":
        if array.dtype.name.startswith(("float", "bfloat")):  # of ml_dtypes
            return array.astype(np.float32)
        raise TypeError(_not_numbers(array, x))
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        raise ValueError("x has masked numbers, which cannot be sent; pass x.filled(value)")
    return array


def _array(x: Any) -> Rows:
    if isinstance(x, list | tuple):
        return _stacked(x)
    if hasattr(x, "detach") and hasattr(x, "is_floating_point"):  # a tensor of torch
        x = x.detach().cpu()
        if x.is_floating_point() and str(x.dtype) not in _TORCH_FLOATS:
            x = x.float()
    elif hasattr(x, "getbands"):  # an image of PIL
        if x.mode != "L":
            raise TypeError(f"an image must be of mode L, got {x.mode}; pass x.convert('L')")
        return np.asarray(x).reshape(1, -1)
    return np.asarray(x)


def _stacked(x: list[Any] | tuple[Any, ...]) -> Rows:
    if x and not isinstance(x[0], list | tuple):
        x = [row if isinstance(row, int | float) else _array(row) for row in x]
    try:
        return np.asarray(x)
    except ValueError:
        shapes = dict.fromkeys(map(_shape, x))
        different = " and ".join([*shapes][:2]) if len(shapes) > 1 else "ragged ones"
        raise ValueError(f"x must be rows of equal length, got {different}") from None


def _shape(row: Any) -> str:
    if isinstance(row, list | tuple):
        return str([len(row)])
    return str([*row.shape]) if np.ndim(row) else "a number"


def _not_numbers(array: Rows, x: Any) -> str:
    wanted = "x must be rows of numbers"
    if array.dtype.kind == "c":
        return f"{wanted}, got {array.dtype}; pass np.real(x) or np.abs(x)"
    if array.ndim and array.dtype.kind in "OUS":
        kind = "objects" if array.dtype.kind == "O" else "text"
        return f"{wanted}, got {kind}; where each is a number, pass np.asarray(x, np.float32)"
    if array.ndim:
        return f"{wanted}, got {array.dtype}"
    hint = "; pass list(x)" if isinstance(x, Iterator) else ""
    if hasattr(x, "toarray"):
        hint = "; pass x.toarray()"  # a sparse matrix
    return f"{wanted}, got {type(x).__name__}{hint}"


def _as_rows(array: Rows, x: Any) -> Rows:
    """Bring numbers into the form `[r, i]`, or leave images of several channels as they are."""
    shape = array.shape
    if array.ndim == 0:
        raise ValueError(f"x must be [rows, width] or [width], got one number, {array}")
    if array.size == 0:
        raise ValueError(f"x must have at least one row and one column, got shape {list(shape)}")
    if array.ndim <= 2:
        return array if array.ndim == 2 else array[None]  # [1, i]
    if sum(length > 1 for length in shape[1:]) > 2:
        if array.ndim == 4:  # in which order colours are, the service knows
            return array
        flat = "np.reshape(x, (len(x), -1))" if isinstance(x, list) else "x.reshape(len(x), -1)"
        raise ValueError(
            f"x must be [rows, width], or images, [rows, channels, height, width], got "
            f"{list(shape)}; if the model takes the numbers of each row in this order, pass {flat}"
        )
    return array.reshape(len(array), -1)  # [r, h * w]


def _are_pixels(dtype: np.dtype[Any]) -> bool:
    if dtype.kind == "b":
        raise TypeError(
            "x holds bool: pass pixels=False if 0 and 1 are what the network itself takes, or "
            "np.asarray(x) * np.uint8(255) if they are black and white pixels"
        )
    if dtype.kind == "i" or (dtype.kind == "u" and dtype.itemsize > 1):
        raise TypeError(
            f"x holds {dtype}, which may be pixels or not: pass pixels=True if they are pixels "
            "from 0 to 255, which the model scales, or pixels=False if they are what the network "
            "itself takes"
        )
    return dtype.kind == "u"


def _pixels(numbers: Rows) -> Rows:
    if numbers.dtype == np.uint8:
        return numbers
    wrong = (numbers < 0) | (numbers > LARGEST_PIXEL) | (numbers != np.floor(numbers))
    if wrong.any():
        raise ValueError(
            f"pixels are whole numbers from 0 to 255, got {numbers[wrong][0]}; pass pixels=False "
            "if x is what the network itself takes"
        )
    return numbers.astype(np.uint8)


def _floats(numbers: Rows) -> Rows:
    if numbers.dtype.kind == "f" and numbers.dtype.itemsize <= 4:  # float16 and float32
        return numbers
    with np.errstate(over="ignore"):  # becomes infinite, which the service refuses
        return numbers.astype(np.float32)
