import sys
from pathlib import Path

import numpy as np
import pytest

from evaluation.datasets import Dataset, digits, load, load_idx_folder, load_idx_pair
from evaluation.errors import DatasetError
from evaluation.idx import write_idx

BUNDLED = Path(__file__).parents[2] / "loadtest" / "data"
NUMBERS = np.arange(24, dtype=np.uint8)


def test_images_become_rows_and_labels_integers(tmp_path: Path) -> None:
    write_idx(tmp_path / "images", NUMBERS.reshape(2, 3, 4))
    write_idx(tmp_path / "labels", np.array([7, 255], np.uint8))
    data = load_idx_pair(tmp_path / "images", tmp_path / "labels")

    assert np.array_equal(data.images, NUMBERS.reshape(2, 12))
    assert (data.labels.dtype, data.labels.tolist()) == (np.dtype(np.int64), [7, 255])


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        pytest.param((2, 12), (3,), "got 2 images and 3 labels", id="one-label-too-many"),
        pytest.param((2, 12), (2, 1), r"labels \[n\], got \[2, 12\] and \[2, 1\]", id="flat"),
        pytest.param((24,), (24,), r"at least 2 dimensions, got \[24\]", id="labels-as-images"),
    ],
)
def test_images_and_labels_that_do_not_belong_together_are_refused(
    tmp_path: Path, images: tuple[int, ...], labels: tuple[int, ...], message: str
) -> None:
    write_idx(tmp_path / "images", np.ones(images, np.uint8))
    write_idx(tmp_path / "labels", np.ones(labels, np.uint8))

    with pytest.raises(DatasetError, match=message):
        load_idx_pair(tmp_path / "images", tmp_path / "labels")


@pytest.mark.parametrize("spelling", ["-idx{}-ubyte", "-idx{}-ubyte.gz", ".idx{}-ubyte"])
def test_a_folder_is_read_by_the_names_mnist_is_published_under(
    tmp_path: Path, spelling: str
) -> None:
    for part, rows in (("train", 3), ("t10k", 2)):
        images = np.full((rows, 2, 2), rows, np.uint8)
        write_idx(tmp_path / f"{part}-images{spelling.format(3)}", images)
        write_idx(tmp_path / f"{part}-labels{spelling.format(1)}", images[:, 0, 0])
    train, test = load_idx_folder(tmp_path)

    assert (len(train), len(test), test.labels.tolist()) == (3, 2, [2, 2])


def test_a_folder_without_the_files_is_refused_with_their_names(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"one of train-images-idx3-ubyte, .*none is there"):
        load_idx_folder(tmp_path)


def test_the_digits_are_split_the_same_way_every_time(
    digits_data: tuple[Dataset, Dataset],
) -> None:
    train, test = digits_data
    again = load("digits", None)[1]

    assert (len(train), len(test), train.images.max()) == (1437, 360, 16)
    assert np.array_equal(test.images, again.images)
    assert set(test.labels.tolist()) == set(range(10))


def test_the_bundled_images_are_the_digits_no_demo_network_was_trained_on(
    digits_data: tuple[Dataset, Dataset],
) -> None:
    bundled = load_idx_pair(
        BUNDLED / "digits-images.idx3-ubyte.gz", BUNDLED / "digits-labels.idx1-ubyte.gz"
    )

    assert np.array_equal(bundled.images, digits_data[1].images)
    assert np.array_equal(bundled.labels, digits_data[1].labels)


def test_a_source_and_a_folder_must_go_together(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no folder is read, got"):
        load("digits", tmp_path)
    with pytest.raises(DatasetError, match="must be given, got none"):
        load("idx", None)


def test_without_scikit_learn_the_digits_say_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)

    with pytest.raises(DatasetError, match=r"digits, .* needs the extra train: make install"):
        digits()
