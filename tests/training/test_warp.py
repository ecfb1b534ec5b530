"""Warped images are turned and stretched by as much as was asked for, whatever their shape."""

import math

import pytest
import torch
from torch import Tensor

from training.warp import warp

SHAPES = pytest.mark.parametrize("shape", [(64, 64), (64, 128), (128, 64)])


def drawn(monkeypatch: pytest.MonkeyPatch, *numbers: float) -> None:
    """Have turn, shear, stretch in both directions and ink be drawn as these, -1 to 1."""
    chosen = torch.tensor(numbers)[:, None]
    monkeypatch.setattr(torch, "rand", lambda count, n: (chosen.repeat(1, n) + 1) / 2)


def bar(height: int, width: int) -> Tensor:
    """A level bar across the middle, `[1, h, w, 1]`."""
    image = torch.zeros(1, height, width, 1, dtype=torch.uint8)
    image[:, height // 2 - 2 : height // 2 + 2, width // 2 - 20 : width // 2 + 20] = 200
    return image


def moments(image: Tensor) -> tuple[float, float]:
    """Angle of the main axis, in radians, and the deviation along x, in pixels."""
    weight = image[0, :, :, 0].double()
    down, right = torch.meshgrid(*map(torch.arange, weight.shape), indexing="ij")
    total = weight.sum()
    y, x = down - (weight * down).sum() / total, right - (weight * right).sum() / total
    xx, yy, xy = ((weight * a * b).sum() / total for a, b in ((x, x), (y, y), (x, y)))
    return 0.5 * math.atan2(2 * xy, xx - yy), math.sqrt(xx)


@SHAPES
def test_an_image_is_turned_by_the_angle_asked_for(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int]
) -> None:
    drawn(monkeypatch, 1.0, 0.0, 0.0, 0.0, 0.0)
    turned = warp(bar(*shape), torch.tensor([0.3]), 255)

    assert abs(moments(turned)[0]) == pytest.approx(0.3, abs=0.01)


@SHAPES
@pytest.mark.parametrize("way", [1.0, -1.0])
def test_an_image_is_stretched_by_a_factor_of_up_to_the_exponential_of_the_strength(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int], way: float
) -> None:
    drawn(monkeypatch, 0.0, 0.0, way, 0.0, 0.0)
    before, after = bar(*shape), warp(bar(*shape), torch.tensor([0.3]), 255)

    assert moments(after)[1] / moments(before)[1] == pytest.approx(math.exp(-0.3 * way), rel=0.02)


def test_no_strength_changes_no_pixel() -> None:
    images = torch.randint(256, (5, 6, 9, 3), dtype=torch.uint8)

    assert torch.equal(warp(images, torch.zeros(5), 255), images)
