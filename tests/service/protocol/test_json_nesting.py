"""Images in large JSON bodies: the same array as a short body gives, or the same refusal."""

import json

import numpy as np
import pytest

from service.errors import InvalidInput
from service.protocol import json_blocks

RNG = np.random.default_rng(0)
SHAPES = [
    (30, 1, 28, 28),
    (90, 3, 8, 8),
    (2, 3, 60, 50),
    (1, 1, 1, 9000),
    (700, 4, 5),
    (9000, 1, 1),
]


def read(body):
    return json_blocks.read(body, lambda top: 1 << 30)["inputs"]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("indent", [None, 1], ids=["tight", "blanks"])
def test_images_of_any_shape_are_read_as_they_are_written(shape, indent):
    """Bodies of several pieces of 64 KiB each, cut wherever a comma stands."""
    pixels = RNG.integers(0, 256, shape)
    floats = pixels / 255
    for numbers, datatype in ((pixels, "UINT8"), (floats, "FP32")):
        body = json.dumps({"inputs": numbers.tolist(), "datatype": datatype}, indent=indent)

        got = read(body.encode())

        assert got.shape == shape
        np.testing.assert_allclose(got, numbers, rtol=1e-6)


@pytest.mark.parametrize("kind", ["row", "channel", "image", "shallow", "deep"])
def test_images_of_different_shapes_are_refused(kind):
    images = RNG.integers(0, 256, (90, 3, 8, 8)).tolist()
    if kind == "row":
        images[20][1][3].pop()
    elif kind == "channel":
        images[20][1].pop()
    elif kind == "image":
        images[20].pop()
    elif kind == "shallow":
        images[20] = images[20][0]
    else:
        images[20] = [images[20]]

    with pytest.raises(InvalidInput, match="ragged"):
        read(json.dumps({"inputs": images}).encode())
