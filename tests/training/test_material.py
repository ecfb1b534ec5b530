"""What the networks of a run have in common is the same each time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from evaluation.datasets import digits
from model_store.store import Store
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
