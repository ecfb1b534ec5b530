"""
An image of any size to the pixels of a network that takes square grey ones.

What is done to it is plain, and told: grey, padded to a square, averaged down to the network's
size, white to the network's white. Nothing is centred or cut out, and light stays light unless the
caller inverts it.

Covered:      PNG, JPEG, BMP, GIF, WebP, TIFF, PGM and PPM, by Pillow.
Not covered:  networks that take colours; drawings as MNIST centres them (the page's pad).

Pillow is imported where an image is read, and nowhere else.
"""

import io
import math
import struct
import warnings
import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from evaluation.errors import DatasetError
from model_store.manifest import DenseManifest, FFFManifest, Uint8Scaling

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = npt.NDArray[np.uint8]
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""No more: each is a parser of what strangers wrote, and EPS would start another program."""
BEGINNINGS = (
    *(b"\x89PNG", b"\xff\xd8\xff", b"BM", b"GIF8", b"RIFF", b"II*\0", b"MM\0*"),
    *(b"P%d" % number for number in range(1, 7)),
)
_BROKEN = (
    *(OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError),
    *(AttributeError, NotImplementedError, RuntimeError, struct.error, zlib.error),
)
"""What Pillow raises for an image that is none, in one place or another."""


class ImagePixels(NamedTuple):
    """
    An image as a network takes it.

    Attributes:
        pixels: `[1, i]`, uint8.
        done: What has been done to it, for its user.
    """

    pixels: Pixels
    done: str


def read_image(content: bytes, manifest: FFFManifest | DenseManifest, invert: bool) -> ImagePixels:
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
    grey, facts = _grey(content)
    if invert:
        grey = 255 - grey
    shade = _border(grey)
    white = _white(manifest.uint8)
    small = _averaged(_squared(grey, shade), side)
    pixels = np.rint(small * (white / 255)).astype(np.uint8).reshape(1, -1)
    return ImagePixels(pixels, _told(grey, facts, side, white, invert, shade))


def _grey(content: bytes) -> tuple[Pixels, str]:
    """Its luminance, `[height, width]`, and what else is to be told about it."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", category=UserWarning)  # of metadata
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                frames = getattr(image, "n_frames", 1)
                facts = f", the first of {frames} frames" if frames > 1 else ""
                return _luminance(ImageOps.exif_transpose(image)), facts
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        most = Image.MAX_IMAGE_PIXELS
        raise DatasetError(f"an image of at most {most:,} pixels was expected, got more") from exc
    except _BROKEN as exc:
        raise DatasetError(f"the image cannot be read: {str(exc).splitlines()[:1]}") from exc


def _luminance(image: "Image") -> Pixels:
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        if not image.mode.startswith("I;16"):
            raise DatasetError(f"an image of 8 or 16 bits was expected, got mode {image.mode}")
        return (np.asarray(image) >> 8).astype(np.uint8)
    if image.has_transparency_data:  # as on white paper, where strokes are drawn
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image.convert("RGBA"))
        image = paper
    return np.asarray(image.convert("L"))


def _border(grey: Pixels) -> int:
    edges = (grey[0], grey[-1], grey[:, 0], grey[:, -1])
    return int(np.median(np.concatenate(edges)))


def _squared(grey: Pixels, shade: int) -> Pixels:
    """In the middle of a square of its border's shade."""
    height, width = grey.shape
    side = max(height, width)
    square = np.full((side, side), shade, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = grey
    return square


def _averaged(square: Pixels, side: int) -> npt.NDArray[np.float64]:
    from PIL import Image

    resized = Image.fromarray(square).resize((side, side), Image.Resampling.BOX)
    return np.asarray(resized, np.float64)


def _white(scaling: Uint8Scaling) -> int:
    """The pixel that is scaled to 1, as on the page: 16 of scikit-learn's digits, else 255."""
    white = round((1 - scaling.shift) / scaling.scale) if scaling.scale else 255
    return max(1, min(255, white or 255))


def _told(grey: Pixels, facts: str, side: int, white: int, invert: bool, shade: int) -> str:
    height, width = grey.shape
    size = "as it is" if (height, width) == (side, side) else f"scaled to {side}x{side}"
    told = f"a {width}x{height} image{facts}: grey{', inverted' if invert else ''}, {size}, "
    told += f"pixels 0 (black) to {white} (white)"
    if shade > 127:
        told += "; its border is light: digits are mostly trained light on dark, see --invert"
    return told
