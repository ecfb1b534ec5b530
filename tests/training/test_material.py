"""What the networks of a run have in common is the same each time."""

from collections.abc import Iterator
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluation.dataset import Dataset
from evaluation.datasets import digits
from model_store.store import Store
from tests.training.conftest import TEST, TRAIN
from tests.training.toys import OURS
from training.loop import split
from training.material import Material, prepare
from training.recipes import recipe_by_name


@pytest.fixture
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_threads")
def test_the_threads_of_the_process_change_no_bit(tmp_path: Path) -> None:
    recipe = recipe_by_name("digits").override({"teacher": "none", "warp": 0})

    def prepared(threads: int) -> Material:
        torch.set_num_threads(threads)
        return prepare(recipe, *digits(), Store(tmp_path), 0, lambda done, total: None)

    one, two = prepared(1), prepared(2)

    assert one.coordinates is not None
    assert two.coordinates is not None
    assert torch.equal(one.coordinates.basis, two.coordinates.basis)


def test_held_out_pixels_change_nothing_that_is_learnt_from_or_by(tmp_path: Path) -> None:
    numbered = Dataset(TRAIN.images, np.arange(len(TRAIN)), "rows by number")
    held_out = split(numbered, OURS.validation_share, 5)[1].labels
    images = TRAIN.images.copy()
    images[held_out] = 255 - images[held_out]
    recipe = OURS.override({"warp": 0.3})

    one, other = (
        prepare(recipe, replace(TRAIN, images=pixels), TEST, Store(tmp_path), 5, lambda *_: None)
        for pixels in (TRAIN.images, images)
    )

    assert not np.array_equal(one.parts["validation"].images, other.parts["validation"].images)
    assert one.source != other.source  # so that nothing came of a cache
    for made in (one, other):
        assert made.coordinates is not None
        assert made.rows._ready is not None
        assert made.rows._ready.taught is not None
    for seen in ("coordinates.basis", "coordinates.mean", "rows._ready.x", "rows._ready.taught"):
        assert torch.equal(attrgetter(seen)(one), attrgetter(seen)(other)), seen
