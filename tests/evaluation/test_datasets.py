import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from evaluation.datasets import (
    Dataset,
    load,
    load_idx_folder,
    load_idx_pair,
    read_idx,
    write_idx,
)
from evaluation.errors import DatasetError

BUNDLED = Path(__file__).parents[2] / "loadtest" / "data"
NUMBERS = np.arange(24, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(24,), (2, 12), (2, 3, 4), (1, 2, 3, 4)], ids=str)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_what_was_written_is_read(tmp_path: Path, shape: tuple[int, ...], suffix: str) -> None:
    path = tmp_path / f"numbers{suffix}"
    write_idx(path, NUMBERS.reshape(shape))

    assert np.array_equal(read_idx(path), NUMBERS.reshape(shape))


def test_gzip_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    write_idx(tmp_path / "numbers.gz", NUMBERS)
    renamed = (tmp_path / "numbers.gz").rename(tmp_path / "numbers")

    assert np.array_equal(read_idx(renamed), NUMBERS)


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.gz", "two.gz"):
        write_idx(tmp_path / name, NUMBERS)

    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()


def idx(*shape: int, element: int = 8, dims: int | None = None, content: bytes = b"") -> bytes:
    head = struct.pack(">HBB", 0, element, len(shape) if dims is None else dims)
    return head + struct.pack(f">{len(shape)}I", *shape) + content


REFUSED = {  # what the message says, by what the file holds
    "empty": (b"", "4 bytes of magic number were expected, got 0"),
    "text": (b"label,pixel0", "starts with 00 00 08, got 6c 61 62"),
    "floats": (idx(2, element=0x0D), "starts with 00 00 08, got 00 00 0d"),
    "no-dimension": (idx(), "1 to 4 dimensions were expected, got 0"),
    "too-many-dimensions": (idx(1, 1, 1, 1, 1), "1 to 4 dimensions were expected, got 5"),
    "cut-in-the-header": (idx(2, dims=3), "12 bytes of dimensions were expected, got 4"),
    "no-rows": (idx(0, 28, 28), r"every dimension must be at least 1, got \[0, 28, 28\]"),
    "truncated": (idx(2, 3, content=b"12345"), r"6 bytes of elements \[2, 3\].*got 5"),
    "too-long": (idx(2, 3, content=b"1234567"), "more than its 6 bytes follow"),
    "announces-exabytes": (idx(2**31, 2**31, content=b"1"), "4611686018427387904 bytes.*got 1"),
    "truncated-gzip": (gzip.compress(idx(3, content=b"123"))[:-9], "reading it failed"),
    "damaged-gzip": (b"\x1f\x8b" + bytes(30), "reading it failed"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_is_not_what_its_header_says_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "file").write_bytes(content)

    with pytest.raises(DatasetError, match=message):
        read_idx(tmp_path / "file")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere\.gz: an IDX file was expected"):
        read_idx(tmp_path / "nowhere.gz")


def test_only_unsigned_bytes_are_written(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"uint8 with 1 to 4 dimensions.*got float64 \[2\]"):
        write_idx(tmp_path / "file", np.zeros(2))  # type: ignore[arg-type]  # the point


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


def test_a_folder_without_the_files_is_told_what_was_looked_for(tmp_path: Path) -> None:
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
