import sys
from pathlib import Path

import numpy as np
import pytest

from evaluation import datasets
from evaluation.datasets import (
    Dataset,
    digits,
    kind_of,
    load,
    load_data,
    load_idx_folder,
    load_idx_pair,
    load_images,
    load_pair,
    load_test,
)
from evaluation.errors import DatasetError
from evaluation.idx import write_idx
from evaluation.image_folder import ImageForm
from tests.evaluation.image_files import write_class_folders

BUNDLED = Path(__file__).parents[2] / "loadtest" / "data"
NUMBERS = np.arange(24, dtype=np.uint8)
IMAGES = np.random.RandomState(0).randint(0, 256, (30, 3, 4)).astype(np.uint8)
LABELS = np.arange(30) % 3


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
    with pytest.raises(DatasetError, match="as they are and no folder is read, got --image-size"):
        load("digits", None, ImageForm(grey=True))
    with pytest.raises(DatasetError, match="must be given, got none"):
        load("idx", None)
    write_class_folders(tmp_path / "of_images", IMAGES, LABELS)
    assert load("idx", tmp_path / "of_images")[0].class_names == ("0", "1", "2")


def test_without_scikit_learn_the_digits_say_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)

    with pytest.raises(DatasetError, match=r"digits, .* needs the extra train: make install"):
        digits()


def test_the_same_rows_are_the_same_data_whatever_they_were_read_from(tmp_path: Path) -> None:
    """Sorted by class, which is the order of folders."""
    order = np.argsort(LABELS, kind="stable")
    images, labels = IMAGES[order], LABELS[order]
    for part, of_mnist in (("train", "train"), ("test", "t10k")):
        write_class_folders(tmp_path / "folder" / part, images, labels)
        (tmp_path / "idx").mkdir(exist_ok=True)
        write_idx(tmp_path / "idx" / f"{of_mnist}-images-idx3-ubyte", images)
        write_idx(tmp_path / "idx" / f"{of_mnist}-labels-idx1-ubyte", labels.astype(np.uint8))
    np.savez(tmp_path / "a", x_train=images, y_train=labels, x_test=images, y_test=labels)
    paths = [tmp_path / name for name in ("folder", "idx", "a.npz")]
    loaded = [data for path in paths for data in (*load_data(path), load_test(path))]

    assert [kind_of(path) for path in paths] == ["images", "idx", "npz"]
    assert len({data.sha256 for data in loaded}) == 1
    assert {data.image_shape for data in loaded} == {(3, 4)}
    assert np.array_equal(loaded[0].images.reshape(-1, 3, 4), images)


def write_mnist(folder: Path, rows: int) -> None:
    folder.mkdir(parents=True)
    for part in ("train", "t10k"):
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", IMAGES[:rows])
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", LABELS[:rows].astype(np.uint8))


def test_a_folder_as_torchvision_lays_it_down_is_read(tmp_path: Path) -> None:
    write_mnist(tmp_path / "MNIST" / "raw", 30)
    (tmp_path / "MNIST" / "processed").mkdir()

    train, test = load_data(tmp_path / "MNIST")

    assert kind_of(tmp_path / "MNIST") == "idx"
    assert train.sha256 == load_data(tmp_path / "MNIST" / "raw")[0].sha256
    assert test.sha256 == load_test(tmp_path / "MNIST").sha256


def test_of_several_data_sets_in_a_folder_none_is_chosen(tmp_path: Path) -> None:
    write_mnist(tmp_path / "fashion", 20)
    write_mnist(tmp_path / "mnist", 30)

    for read in (load_data, load_test):
        with pytest.raises(DatasetError, match="fashion, mnist each have .*; give one of these"):
            read(tmp_path)


def test_images_of_one_class_can_be_measured_on_and_not_trained_on(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=np.full(30, 7))

    assert set(load_test(tmp_path / "a.npz").labels.tolist()) == {7}
    with pytest.raises(DatasetError, match="at least 2 classes .* all are of class 7"):
        load_data(tmp_path / "a.npz")


def test_images_and_labels_come_in_a_file_each_of_any_form(tmp_path: Path) -> None:
    write_idx(tmp_path / "images", IMAGES)
    write_idx(tmp_path / "labels", LABELS.astype(np.uint8))
    np.save(tmp_path / "images.npy", IMAGES)
    np.save(tmp_path / "labels.npy", LABELS[:, None])
    np.savez(tmp_path / "both.npz", images=IMAGES, labels=LABELS)
    named = {name: tmp_path / name for name in ("images", "images.npy", "both.npz")}
    truth = load_pair(tmp_path / "images", tmp_path / "labels")

    for images in named.values():
        assert np.array_equal(load_images(images), truth.images)
        for labels in (tmp_path / "labels", tmp_path / "labels.npy", tmp_path / "both.npz"):
            assert load_pair(images, labels).sha256 == truth.sha256


def test_what_is_no_data_is_told_with_every_form_there_is(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", IMAGES)
    write_idx(tmp_path / "train-images-idx3-ubyte", IMAGES)
    (tmp_path / "a.csv").write_text("label,pixel0")
    (tmp_path / "empty").mkdir()
    found = {
        "none": "there is nothing of this name",
        "a.npy": "got an .npy file, which has no labels",
        "train-images-idx3-ubyte": "got one IDX file; give the folder it lies in",
        "a.csv": "got a file that begins with b'label,'",
        "empty": "the folder holds nothing",
    }
    for name, said in found.items():
        with pytest.raises(DatasetError) as refused:
            load_data(tmp_path / name)

        assert f"{tmp_path / name}: {datasets.FORMS} was expected, {said}" in str(refused.value)


def test_a_size_is_for_a_folder_of_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=LABELS)

    with pytest.raises(DatasetError, match="are for a folder of images, got an .npz file"):
        load_test(tmp_path / "a.npz", ImageForm(grey=True))
