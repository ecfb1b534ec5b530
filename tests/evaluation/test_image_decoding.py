"""What a file of any mode is to a network: grey or colours, upright, on white paper."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from evaluation.dataset import Pixels
from evaluation.errors import DatasetError
from evaluation.image_decoding import border, decode, fit

GREY = np.random.RandomState(0).randint(0, 256, (4, 6)).astype(np.uint8)
COLOURS = np.random.RandomState(1).randint(0, 256, (4, 6, 3)).astype(np.uint8)
OPAQUE = np.full((4, 6), 255, np.uint8)


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def of(pixels: npt.NDArray[Any]) -> Image.Image:
    return Image.fromarray(pixels)


MODES: dict[str, tuple[Image.Image, Pixels]] = {
    "grey": (of(GREY), GREY),
    "grey, opaque": (of(np.dstack([GREY, OPAQUE])), GREY),
    "grey palette": (of(GREY).convert("P"), GREY),
    "16 bits": (of(GREY.astype(np.uint16) * 257), GREY),
    "black and white": (of(GREY > 127), np.uint8(255) * (GREY > 127)),
    "colours": (of(COLOURS), COLOURS),
    "colours, opaque": (of(np.dstack([COLOURS, OPAQUE])), COLOURS),
    "colours, clear": (of(np.dstack([COLOURS, 0 * OPAQUE])), 0 * COLOURS + 255),
}


@pytest.mark.parametrize(("image", "pixels"), MODES.values(), ids=MODES)
def test_an_image_is_grey_or_has_colours_as_its_file_says(
    image: Image.Image, pixels: Pixels
) -> None:
    assert np.array_equal(decode(png(image)).pixels, pixels)
    assert decode(png(image), grey=True).pixels.shape == (4, 6)
    assert decode(png(image), grey=False).pixels.shape == (4, 6, 3)


def test_a_photograph_stands_as_its_camera_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    file = io.BytesIO()
    of(GREY).save(file, "PNG", exif=exif)

    assert np.array_equal(decode(file.getvalue()).pixels, np.rot90(GREY, -1))


@pytest.mark.parametrize("pixels", [GREY, COLOURS], ids=["grey", "colours"])
def test_the_size_that_is_there_changes_nothing(pixels: Pixels) -> None:
    assert np.array_equal(fit(pixels, 4, 6), pixels)


@pytest.mark.parametrize("shape", [(1, 50), (50, 1), (3, 7), (20, 20), (2, 2)])
def test_any_shape_comes_to_the_size_and_one_shade_stays_it(shape: tuple[int, int]) -> None:
    fitted = fit(np.full((*shape, 3), (10, 20, 30), np.uint8), 4, 6)

    assert fitted.shape == (4, 6, 3)
    assert (fitted == (10, 20, 30)).all()
    assert border(fitted).tolist() == [10, 20, 30]


def test_what_is_long_and_thin_takes_no_memory() -> None:
    """Padded to a square it would have 10 thousand million pixels."""
    with pytest.raises(DatasetError, match="100000x1 is too long and thin to be brought to 28x28"):
        fit(np.zeros((1, 100_000), np.uint8), 28, 28)


@pytest.mark.parametrize("content", [b"", b"hello", png(of(GREY))[:50]])
def test_what_is_no_image_is_told_without_names_of_the_inside(content: bytes) -> None:
    with pytest.raises(DatasetError) as refused:
        decode(content)
    assert "0x" not in str(refused.value)
    assert "[" not in str(refused.value)
