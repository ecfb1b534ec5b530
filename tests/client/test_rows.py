"""What callers have, as rows: the same numbers in every form, or the call that says which."""

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from fff_client.rows import look_like_pixels, rows_of

from model_store.manifest import Uint8Scaling
from service.errors import InvalidInput
from service.protocol.pixels import refuse_pixels

RANDOM = np.random.default_rng(0)
FLOATS = RANDOM.integers(-64, 64, (4, 6)).astype(np.float32) / 8  # exact in bfloat16
PIXELS = RANDOM.integers(0, 256, (4, 6)).astype(np.uint8)
TENSOR = torch.tensor(FLOATS)


@dataclass
class Table:
    """As a DataFrame or a Series of pandas: no array, but there is one inside."""

    array: Any

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.array


@dataclass
class Image(Table):
    """As an image of PIL."""

    mode: str = "L"

    def getbands(self) -> tuple[str, ...]:
        return tuple(self.mode)


SAME = {
    "float64": FLOATS.astype(np.float64),
    "float16": FLOATS.astype(np.float16),
    "longdouble": FLOATS.astype(np.longdouble),
    "bfloat16": FLOATS.astype(ml_dtypes.bfloat16),
    "lists": FLOATS.tolist(),
    "tuples": tuple(map(tuple, FLOATS.tolist())),
    "list-of-arrays": [*FLOATS],
    "columns-first": np.asfortranarray(FLOATS),
    "every-other": np.repeat(FLOATS, 2, axis=1)[:, ::2],
    "backwards": FLOATS[::-1, ::-1][::-1, ::-1],
    "big-endian": FLOATS.astype(">f4"),
    "read-only": np.frombuffer(FLOATS.tobytes(), np.float32).reshape(4, 6),
    "images": FLOATS.reshape(4, 2, 3),
    "channel-first": FLOATS.reshape(4, 1, 3, 2),
    "channel-last": FLOATS.reshape(4, 3, 2, 1),
    "table": Table(FLOATS),
    "tensor": TENSOR,
    "tensor-bfloat16": TENSOR.bfloat16(),
    "tensor-float16": TENSOR.half(),
    "tensor-float64": TENSOR.double(),
    "tensor-with-gradient": TENSOR.clone().requires_grad_(),
    "parameter": torch.nn.Parameter(TENSOR),
    "tensor-transposed": TENSOR.T.contiguous().T,
    "tensor-images": TENSOR.reshape(4, 1, 2, 3),
    "list-of-tensors": [*TENSOR.clone().requires_grad_()],
}


@pytest.mark.parametrize("x", SAME.values(), ids=SAME)
def test_the_same_numbers_are_the_same_rows_in_every_form(x):
    rows = rows_of(x)

    np.testing.assert_array_equal(rows, FLOATS)
    assert rows.dtype in (np.float32, np.float16)
    assert rows.flags.c_contiguous


def test_one_row_is_a_batch_of_one():
    for row in (FLOATS[0], FLOATS[0].tolist(), TENSOR[0], [*TENSOR[0]], Table(FLOATS[0])):
        np.testing.assert_array_equal(rows_of(row), FLOATS[:1])


def test_images_of_one_channel_are_pixels_line_by_line():
    images = PIXELS.reshape(4, 2, 3)

    np.testing.assert_array_equal(rows_of(Image(images[0])), PIXELS[:1])
    np.testing.assert_array_equal(rows_of([*map(Image, images)]), PIXELS)
    assert rows_of([*map(Image, images)]).dtype == np.uint8


def test_images_of_several_channels_keep_their_shape_which_the_service_checks():
    images = RANDOM.integers(0, 256, (4, 3, 2, 2)).astype(np.uint8)

    for x in (images, images.astype(np.float32), images / 255, torch.tensor(images)):
        np.testing.assert_array_equal(rows_of(x), np.asarray(x, np.float32))
        assert rows_of(x).shape == images.shape


@pytest.mark.parametrize("dtype", ["u1", "u2", "u8", "i2", "i4", "i8", "f2", "f4", "f8"])
def test_a_word_in_pixels_decides_whatever_the_type(dtype):
    x = PIXELS.astype(dtype)
    as_pixels, as_numbers = rows_of(x, pixels=True), rows_of(x, pixels=False)

    np.testing.assert_array_equal(as_pixels, PIXELS)
    np.testing.assert_array_equal(as_numbers, PIXELS)
    assert as_pixels.dtype == np.uint8
    assert as_numbers.dtype.kind == "f"


WHOLE = PIXELS.astype(np.int64)
REFUSED = {  # what came, the error, what it names, and what that makes of it
    "int64": (WHOLE, TypeError, "holds int64.*pass pixels=True", (WHOLE, True)),
    "int64-numbers": (WHOLE, TypeError, "or pixels=False", (WHOLE, False)),
    "ints": (WHOLE.tolist(), TypeError, "pass pixels=True", (WHOLE.tolist(), True)),
    "int-tensor": (torch.tensor(WHOLE), TypeError, "pass pixels=True", (torch.tensor(WHOLE), True)),
    "bools": (PIXELS > 9, TypeError, "holds bool: pass pixels=False", (PIXELS > 9, False)),
    "bits": (
        (PIXELS > 9).tolist(),
        TypeError,
        r"or np.asarray\(x\) \* np.uint8\(255\)",
        (np.asarray((PIXELS > 9).tolist()) * np.uint8(255), None),
    ),
    "complex": (
        FLOATS * 1j,
        TypeError,
        r"got complex64; pass np.real\(x\)",
        (np.real(FLOATS * 1j), None),
    ),
    "objects": (
        FLOATS.astype(object),
        TypeError,
        r"got objects; .*pass np.asarray\(x, np.float32\)",
        (np.asarray(FLOATS.astype(object), np.float32), None),
    ),
    "text": (
        [["1", "2.5"]],
        TypeError,
        r"got text; .*pass np.asarray\(x, np.float32\)",
        (np.asarray([["1", "2.5"]], np.float32), None),
    ),
    "generator": ((row for row in FLOATS), TypeError, r"got generator; pass list\(x\)", None),
    "dates": (FLOATS.astype("M8[s]"), TypeError, "got datetime64", None),
    "nothing": (None, TypeError, "got NoneType", None),
    "bytes": (b"123", TypeError, "got bytes", None),
    "films": (
        np.zeros((4, 2, 2, 3, 3), np.uint8),
        ValueError,
        r"got \[4, 2, 2, 3, 3\]; .*pass x.reshape\(len\(x\), -1\)",
        (np.zeros((4, 36), np.uint8), None),
    ),
    "film-lists": (
        np.zeros((4, 2, 2, 3, 3)).tolist(),
        ValueError,
        r"pass np.reshape\(x, \(len\(x\), -1\)\)",
        (np.reshape(np.zeros((4, 2, 2, 3, 3)).tolist(), (4, -1)), None),
    ),
    "colour-image": (Image(PIXELS, "RGB"), TypeError, r"got RGB; pass x.convert\('L'\)", None),
    "palette": (Image(PIXELS, "P"), TypeError, r"got P; pass x.convert\('L'\)", None),
    "ragged": ([[1.0, 2.0], [3.0]], ValueError, r"equal length, got \[2\] and \[1\]", None),
    "ragged-arrays": ([np.ones(2), np.ones(3)], ValueError, r"got \[2\] and \[3\]", None),
    "ragged-images": ([[[1, 2], [3]]], ValueError, "equal length, got ragged ones", None),
    "row-and-number": ([[1.0], 2.0], ValueError, r"got \[1\] and a number", None),
    "empty": ([], ValueError, r"at least one row and one column, got shape \[0\]", None),
    "no-rows": (FLOATS[:0], ValueError, r"got shape \[0, 6\]", None),
    "no-columns": (FLOATS[:, :0], ValueError, r"got shape \[4, 0\]", None),
    "number": (3.5, ValueError, r"\[rows, width\] or \[width\], got one number, 3.5", None),
    "masked": (
        np.ma.masked_less(FLOATS, 0),
        ValueError,
        r"masked numbers.*pass x.filled\(value\)",
        (np.ma.masked_less(FLOATS, 0).filled(0), None),
    ),
}


@pytest.mark.parametrize(("x", "error", "message", "then"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_sent_is_refused_with_the_call_that_can(x, error, message, then):
    with pytest.raises(error, match=message):
        rows_of(x)
    if then is not None:
        rows_of(*then)


@pytest.mark.parametrize("wrong", [-1, 256, 0.5, np.nan, np.inf])
def test_pixels_beyond_a_byte_are_refused_by_value_and_not_wrapped(wrong):
    with pytest.raises(ValueError, match=f"from 0 to 255, got {wrong}.*; pass pixels=False"):
        rows_of(np.array([[0.0, wrong, 3.0]]), pixels=True)


def test_floats_look_like_pixels_where_the_service_refuses_them_in_json():
    """One rule in two places: the service looks at JSON, the client at what it sends as bytes."""
    pieces = [-1.0, 0.0, 0.5, 1.0, 2.0, 17.0, 255.0, 256.0]
    seen = set()
    for _ in range(3000):
        some = RANDOM.choice(pieces, RANDOM.integers(1, len(pieces)), replace=False)
        rows = RANDOM.choice(some, (1, 3)).astype(np.float32)
        try:
            refuse_pixels(rows, "inputs", Uint8Scaling(scale=0.5, shift=0))
            refused = False
        except InvalidInput:
            refused = True
        assert look_like_pixels(rows) == refused
        seen.add(refused)
    assert seen == {True, False}
