import numpy as np
import pytest

from evaluation.dataset import Dataset
from evaluation.errors import DatasetError

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
LABELS = np.array([1, 0])
DATA = Dataset.from_images(IMAGES, LABELS, "data")


def test_images_of_any_shape_become_rows_that_know_it() -> None:
    assert np.array_equal(DATA.images, IMAGES.reshape(2, 12))
    assert DATA.image_shape == (3, 4)
    assert Dataset.from_images(DATA.images, LABELS, "flat").image_shape is None


def test_some_of_the_rows_keep_what_is_known_of_all() -> None:
    named = Dataset(DATA.images, LABELS, "data", (3, 4), ("cat", "dog"))
    by_mask, by_number = named.take(LABELS == 0, "part"), named.take(np.array([1]), "part")

    assert by_mask.sha256 == by_number.sha256
    assert (len(by_mask), by_mask.image_shape, by_mask.name) == (1, (3, 4), "part")
    assert by_mask.class_names == ("cat", "dog")


CHANGED = {
    "pixels": Dataset.from_images(IMAGES + np.uint8(1), LABELS, "data"),
    "labels": Dataset.from_images(IMAGES, LABELS[::-1], "data"),
    "shape": Dataset.from_images(IMAGES.reshape(2, 4, 3), LABELS, "data"),
    "order": DATA.take(np.array([1, 0]), "data"),
    "rows": DATA.take(np.array([0]), "data"),
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED)
def test_the_hash_is_of_shape_pixels_and_labels(changed: Dataset) -> None:
    assert changed.sha256 != DATA.sha256


def test_the_hash_is_not_of_names_and_memory_layout() -> None:
    columns = np.asfortranarray(DATA.images)
    named = Dataset(columns, LABELS.astype(np.int64), "other", (3, 4), ("cat", "dog"))

    assert named.sha256 == DATA.sha256
    # Of "[2, 3, 4]", 24 bytes and two labels of 8, as sha256sum has it.
    assert DATA.sha256.startswith("b61980d040b9")


def test_facts_that_do_not_fit_the_rows_are_refused() -> None:
    with pytest.raises(DatasetError, match=r"images must be \[3, 3\], got 12 pixels"):
        Dataset(DATA.images, LABELS, "data", (3, 3))
    with pytest.raises(DatasetError, match="labels must be 0 to 0, one for each class name; got 1"):
        Dataset(DATA.images, LABELS, "data", class_names=("cat",))
