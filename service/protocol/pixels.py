"""
Pixels sent as if they were what the network takes.

A network that was trained on scaled pixels answers raw ones too, finite and wrong: the demo model
gives 75 % of the test digits their class instead of 98 %. JSON says `FP32` by default, or because
its client's numbers are floats, so what is meant has to be read from the values.

Covered:      JSON, for predictions, comparisons and explanations.
Not covered:  FP32 as bytes and gRPC's tensors: whoever packs float32 has decided, and they are
              used untouched.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from model_store.manifest import Uint8Scaling
from service.errors import InvalidInput

_LEAST = 2
"""Whole numbers up to 1 are what scaling to [-1, 1] or [0, 1] makes of black and white."""


def refuse_pixels(numbers: npt.NDArray[Any], name: str, scaling: Uint8Scaling | None) -> None:
    """
    Refuse numbers that can only be meant as pixels.

    These are whole numbers from 0 to 255, all of them, one of them 2 or more, for a model that
    scales pixels by less than 1. As scaled pixels such numbers do not occur where scaling ends
    below 2; where it goes further, only if every pixel of the request happens to become a whole
    number, which can still be sent as bytes.

    Args:
        numbers: Of any shape, at least one.
        name: What the caller calls them, for errors.
        scaling: How the model scales pixels, or None if it takes none.

    Raises:
        InvalidInput: Saying how pixels are sent, and how they are scaled.
    """
    if scaling is None or scaling.scale >= 1:
        return
    first = numbers.item(0)  # mostly a corner of an image, which scaling often makes -1
    if first < 0 or first != int(first):
        return
    largest = numbers.max()
    if not _LEAST <= largest <= 255 or numbers.min() < 0 or (numbers != np.floor(numbers)).any():
        return
    raise InvalidInput(
        f"{name} look like pixels, whole numbers from 0 to {int(largest)}, but FP32 is what the "
        f"network itself takes: send datatype UINT8, or pixel * {scaling.scale:.6g} "
        f"{'-' if scaling.shift < 0 else '+'} {abs(scaling.shift):.6g}"
    )
