"""What a network sees in training: the rows of the data, and shifts of them."""

import numpy as np
import pytest
import torch

from evaluation.dataset import Dataset, Pixels
from evaluation.errors import DatasetError
from tests.training.toys import OURS, quarters
from training import batches
from training.batches import Batches
from training.coordinates import principal_coordinates

PLAIN = OURS.override({"components": 0, "shift_pixels": 0, "uint8_scale": 1, "uint8_shift": 0})


def shifted(image: Pixels, down: int, right: int) -> Pixels:
    """By hand: pixels move, and zeros follow them."""
    moved = np.zeros_like(image)
    height, width = image.shape[:2]
    for y in range(height):
        for x in range(width):
            if 0 <= y - down < height and 0 <= x - right < width:
                moved[y, x] = image[y - down, x - right]
    return moved


@pytest.mark.parametrize("shape", [(3, 5), (4, 3, 2)])
@pytest.mark.parametrize("shift", [0, 1, 2])
@pytest.mark.parametrize("ready_bytes", [0, 1 << 30])
def test_views_are_all_shifts_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], shift: int, ready_bytes: int
) -> None:
    monkeypatch.setattr(batches, "READY_BYTES", ready_bytes)
    images = np.random.RandomState(0).randint(1, 256, size=(2, *shape)).astype(np.uint8)
    data = Dataset.from_images(images, np.arange(2), "made")
    rows = Batches(data, PLAIN.override({"shift_pixels": shift}), None)
    seen = {tuple(row) for row in rows.take(torch.zeros(2000, dtype=torch.long)).x.tolist()}
    steps = range(-shift, shift + 1)

    assert seen == {
        tuple(shifted(images[0], down, right).flatten().astype(float).tolist())
        for down in steps
        for right in steps
    }


@pytest.mark.parametrize("ready_bytes", [0, 1 << 30])
@pytest.mark.parametrize("recipe", [{"shift_pixels": 1}, {"shift_pixels": 1, "warp": 0.3}])
def test_views_start_at_the_image_and_go_as_far_as_they_are_let(
    monkeypatch: pytest.MonkeyPatch, recipe: dict[str, float], ready_bytes: int
) -> None:
    monkeypatch.setattr(batches, "READY_BYTES", ready_bytes)
    images = np.random.RandomState(0).randint(256, size=(50, 9, 7)).astype(np.uint8)
    data = Dataset.from_images(images, np.zeros(50, np.int64), "made")
    rows = Batches(data, PLAIN.override(recipe), None)
    numbers = torch.arange(50).repeat(20)
    as_they_are = torch.from_numpy(data.images).float()[numbers]

    far = [float((rows.take(numbers, r).x - as_they_are).abs().mean()) for r in (0, 0.3, 0.6, 1)]

    assert far[0] == 0
    assert far == sorted(far)
    assert len(set(far)) == 4


def test_the_teacher_sees_the_view_that_its_pupil_sees() -> None:
    data = quarters(50, 0)
    recipe = PLAIN.override({"shift_pixels": 1})
    rows = Batches(data, recipe, None, lambda pixels: torch.from_numpy(pixels).float() * 2)
    batch = rows.take(torch.randperm(50))

    assert batch.taught is not None
    assert torch.equal(batch.taught, batch.x * 2)


@pytest.mark.parametrize("ready_bytes", [0, 1 << 30])
def test_rows_come_in_training_s_coordinates(
    monkeypatch: pytest.MonkeyPatch, ready_bytes: int
) -> None:
    monkeypatch.setattr(batches, "READY_BYTES", ready_bytes)
    data = quarters(50, 0)
    x = torch.from_numpy(PLAIN.scaling.decode(data.images))
    coordinates = principal_coordinates(x, 2)
    numbers = torch.randperm(50)
    batch = Batches(data, PLAIN, coordinates).take(numbers)

    torch.testing.assert_close(batch.x, coordinates.of(x)[numbers])
    assert torch.equal(batch.labels, torch.from_numpy(data.labels)[numbers])


def test_rows_without_height_and_width_cannot_be_shifted() -> None:
    flat = Dataset(np.ones((2, 4), np.uint8), np.arange(2), "flat")

    with pytest.raises(DatasetError, match="flat: .* height and width .* 4 pixels; set shift_p"):
        Batches(flat, PLAIN.override({"shift_pixels": 1}), None)
