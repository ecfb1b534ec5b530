"""
An image of any size to the pixels of a network that takes square grey ones.

What is done to it is told: grey, padded to a square, averaged down to the network's size, white to
the network's white. Light stays light unless the caller inverts it.

Covered:      what a network's manifest asks of an image.
Not covered:  decoding and fitting (`evaluation.image_decoding`); networks that take colours;
              drawings as MNIST centres them (the page's pad).
"""

import math
from typing import NamedTuple

import numpy as np

from evaluation.dataset import Pixels
from evaluation.errors import DatasetError
from evaluation.fitting import white_of
from evaluation.image_decoding import border, decode, fit
from model_store.manifest import Manifest


class ImagePixels(NamedTuple):
    """
    An image as a network takes it.

    Attributes:
        pixels: `[1, i]`, uint8.
        done: What has been done to it, for its user.
    """

    pixels: Pixels
    done: str


def read_image(content: bytes, manifest: Manifest, invert: bool) -> ImagePixels:
    """
    Read an image.

    Raises:
        DatasetError: It is none, it is too large, or the model takes no square of pixels.
    """
    side = math.isqrt(manifest.input_width)
    if side * side != manifest.input_width:
        raise DatasetError(
            f"an image was given, the model takes {manifest.input_width} numbers a row, "
            "which is no square of pixels"
        )
    if manifest.uint8 is None:
        raise DatasetError(
            "an image was given, the model's manifest has no pixel scaling: send the numbers that "
            "the network takes, or import it with --uint8-scale and --uint8-shift"
        )
    grey, frames = decode(content, grey=True)
    if invert:
        grey = 255 - grey
    white = white_of(manifest.uint8)
    small = fit(grey, side, side).astype(np.float64)
    pixels = np.rint(small * (white / 255)).astype(np.uint8).reshape(1, -1)
    return ImagePixels(pixels, _told(grey, frames, side, white, invert))


def _told(grey: Pixels, frames: int, side: int, white: int, invert: bool) -> str:
    height, width = grey.shape
    facts = f", the first of {frames} frames" if frames > 1 else ""
    size = "as it is" if (height, width) == (side, side) else f"scaled to {side}x{side}"
    told = f"a {width}x{height} image{facts}: grey{', inverted' if invert else ''}, {size}, "
    told += f"pixels 0 (black) to {white} (white)"
    if border(grey) > 127:
        told += "; its border is light: digits are mostly trained light on dark, see --invert"
    return told
