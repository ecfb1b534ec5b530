"""
An image of any format to pixels: grey or colours, of the size that is there or of one asked for.

What is done to it is plain: turned as its camera says, laid on white paper where it is transparent;
if a size is asked for, padded to that shape in its border's shade and averaged down. Nothing is
centred or cut out. `predict` and data sets of images read images here, so that a network is asked
what it was trained on.

Covered:      PNG, JPEG, BMP, GIF, WebP, TIFF, PGM and PPM, by Pillow.
Not covered:  what the pixels mean to a network.

Pillow is imported where an image is read, and nowhere else.
"""

import io
import struct
import warnings
import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evaluation.dataset import Pixels
from evaluation.errors import DatasetError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""No more: each is a parser of what strangers wrote, and EPS would start another program."""
BEGINNINGS = (
    *(b"\x89PNG", b"\xff\xd8\xff", b"BM", b"GIF8", b"RIFF", b"II*\0", b"MM\0*"),
    *(b"P%d" % number for number in range(1, 7)),
)
PILLOW_FAILURES = (
    *(OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError),
    *(AttributeError, NotImplementedError, RuntimeError, struct.error, zlib.error),
)
"""What Pillow raises for an image that is none, in one place or another."""


class Decoded(NamedTuple):
    """
    An image.

    Attributes:
        pixels: `[height, width]` of a grey one, `[height, width, 3]` of one with colours; uint8.
        frames: How many there are; the pixels are the first one's.
    """

    pixels: Pixels
    frames: int


def decode(content: bytes, grey: bool | None = None) -> Decoded:
    """
    Decode an image.

    Args:
        content: Of the file.
        grey: Whether its luminance is wanted, or colours; None for what the file has.

    Raises:
        DatasetError: It is none, or too large.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", category=UserWarning)  # of metadata
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                frames = getattr(image, "n_frames", 1)
                return Decoded(_pixels(ImageOps.exif_transpose(image), grey), frames)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        most = Image.MAX_IMAGE_PIXELS
        raise DatasetError(f"an image of at most {most:,} pixels was expected, got more") from exc
    except UnidentifiedImageError as exc:  # whose message names the object in memory
        raise DatasetError(f"an image ({', '.join(FORMATS)}) was expected, it is none") from exc
    except DatasetError:
        raise
    except PILLOW_FAILURES as exc:
        why = [*str(exc).splitlines(), type(exc).__name__][0]
        raise DatasetError(f"the image cannot be read: {why}") from exc


def border(pixels: Pixels) -> Pixels:
    """Shade of the image's border, `[]` or `[3]`, uint8: the median of its outermost pixels."""
    edges = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    shade: Pixels = np.median(np.concatenate(edges), axis=0).astype(np.uint8)
    return shade


def fit(pixels: Pixels, height: int, width: int) -> Pixels:
    """
    Bring an image to a size: in the middle of its shape, padded in its border's shade, averaged.

    Raises:
        DatasetError: It is so long and thin that it would be too large.
    """
    from PIL import Image

    padded = _padded(pixels, height, width)
    resized = Image.fromarray(padded).resize((width, height), Image.Resampling.BOX)
    return np.asarray(resized)


def _pixels(image: "Image", grey: bool | None) -> Pixels:
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        if not image.mode.startswith("I;16"):
            raise DatasetError(f"an image of 8 or 16 bits was expected, got mode {image.mode}")
        shades = (np.asarray(image) >> 8).astype(np.uint8)
        return np.stack([shades] * 3, -1) if grey is False else shades
    mode = "L" if (_is_grey(image) if grey is None else grey) else "RGB"
    if image.has_transparency_data:  # as on white paper, where strokes are drawn
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image.convert("RGBA"))
        image = paper
    return np.asarray(image.convert(mode))


def _is_grey(image: "Image") -> bool:
    if image.mode == "P":
        colours = np.reshape(image.getpalette("RGB") or [], (-1, 3))
        return bool((colours == colours[:, :1]).all())
    return image.mode in ("1", "L", "LA", "La")


def _padded(pixels: Pixels, height: int, width: int) -> Pixels:
    """In the middle of the smallest image around it that has the shape of `height x width`."""
    from PIL import Image

    given_height, given_width = pixels.shape[:2]
    scale = max(given_height / height, given_width / width)
    tall, wide = (max(1, round(scale * side)) for side in (height, width))
    if tall * wide > (Image.MAX_IMAGE_PIXELS or np.inf):
        raise DatasetError(
            f"an image of {given_width}x{given_height} is too long and thin to be brought to "
            f"{width}x{height}"
        )
    canvas = np.full((tall, wide, *pixels.shape[2:]), border(pixels), np.uint8)
    top, left = (tall - given_height) // 2, (wide - given_width) // 2
    canvas[top : top + given_height, left : left + given_width] = pixels
    return canvas
