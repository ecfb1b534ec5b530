"""Archives of arrays as data sets come: every layout, and what is not one."""

import io
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation import numpy_file
from evaluation.array_files import load_images, load_labels, load_npz, load_npz_test
from evaluation.errors import DatasetError

IMAGES = np.random.RandomState(0).randint(0, 256, (30, 3, 4)).astype(np.uint8)
LABELS = np.arange(30) % 3
KERAS = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:9], "y_test": LABELS[:9]}
MEDMNIST = {
    **{"train_images": IMAGES[:20], "train_labels": LABELS[:20, None].astype(np.uint8)},
    **{"val_images": IMAGES[20:], "val_labels": LABELS[20:, None].astype(np.uint8)},
    **{"test_images": IMAGES[:9], "test_labels": LABELS[:9, None].astype(np.uint8)},
}


@pytest.mark.parametrize("arrays", [KERAS, MEDMNIST], ids=["keras", "medmnist"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_both_parts_are_what_was_saved(tmp_path: Path, arrays: dict[str, Any], save: Any) -> None:
    """Validation rows come after the training rows, which training holds some out of."""
    save(tmp_path / "a.npz", **arrays)
    train, test = load_npz(tmp_path / "a.npz")

    assert np.array_equal(train.images, IMAGES.reshape(30, 12))
    assert np.array_equal(train.labels, LABELS)
    assert (train.labels.dtype, train.image_shape) == (np.dtype(np.int64), (3, 4))
    assert np.array_equal(test.images, train.images[:9])
    assert load_npz_test(tmp_path / "a.npz").sha256 == test.sha256


def test_one_part_is_divided_the_same_each_time(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=LABELS)
    train, test = load_npz(tmp_path / "a.npz")
    rows = {row.tobytes() for row in (*train.images, *test.images)}

    assert np.bincount(test.labels).tolist() == [2, 2, 2]
    assert len(rows) == len(train) + len(test) == 30
    assert load_npz_test(tmp_path / "a.npz").sha256 == test.sha256


def test_a_test_part_may_be_all_there_is_to_evaluate(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_test=IMAGES, y_test=LABELS)

    assert len(load_npz_test(tmp_path / "a.npz")) == 30
    with pytest.raises(DatasetError, match="x_train, y_train is missing; it holds x_test, y_test"):
        load_npz(tmp_path / "a.npz")


def test_memory_order_and_byte_order_change_nothing(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.asfortranarray(IMAGES), labels=LABELS.astype(">i4"))
    np.savez(tmp_path / "b.npz", images=IMAGES, labels=LABELS)

    assert load_npz_test(tmp_path / "a.npz").sha256 == load_npz_test(tmp_path / "b.npz").sha256


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "other-names": ({"x": IMAGES}, "images, labels is missing; it holds x"),
    "nothing": ({}, "it holds none"),
    "a name of two lines": ({"a\nb": IMAGES}, r"it holds 'a\\nb'$"),
    "no-labels": ({"images": IMAGES}, "labels is missing; it holds images"),
    "no-test": ({"x_train": IMAGES, "y_train": LABELS}, "x_test, y_test is missing"),
    "floats": ({"x_train": IMAGES / 255}, "y_train is missing"),
    "float-images": ({"images": IMAGES / 255}, "labels is missing"),
    "float-pixels": (KERAS | {"x_test": IMAGES / 255}, "x_test: .*uint8 .* got float64"),
    "flat-pixels": (KERAS | {"x_test": IMAGES[0, 0]}, r"x_test: images \[n, …\].* got uint8 \[4\]"),
    "float-labels": (KERAS | {"y_test": LABELS / 1}, "y_test: one whole number .* got float64"),
    "one-hot": (
        KERAS | {"y_test": np.eye(9, dtype=int)},
        r"\[n\] or \[n, 1\].* got int64 \[9, 9\]",
    ),
    "negative": (KERAS | {"y_test": LABELS[:9] - 1}, "counted from 0, .* got -1 to 1"),
    "huge-label": (KERAS | {"y_test": np.array([2**63] * 9, np.uint64)}, "counted from 0"),
    "numbers-of-articles": (KERAS | {"y_train": LABELS + 65_534}, "65,536 .* got 65534 to 65536"),
    "fewer-labels": (KERAS | {"y_test": LABELS[:8]}, "got 9 images and 8 labels"),
    "no-rows": (KERAS | {"x_test": IMAGES[:0]}, r"x_test: images .* got uint8 \[0, 3, 4\]"),
    "other-size": (KERAS | {"x_test": IMAGES[:9, :2]}, r"images of \[3, 4\].* got \[2, 4\]"),
    "objects": (KERAS | {"y_test": np.array([{}] * 9, object)}, "y_test: .*a pickle, not read"),
}


@pytest.mark.parametrize(("arrays", "said"), WRONG.values(), ids=WRONG)
def test_an_array_that_is_not_what_it_should_be_is_named(
    tmp_path: Path, arrays: dict[str, Any], said: str
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)

    with pytest.raises(DatasetError, match=said) as refused:
        load_npz(tmp_path / "a.npz")
    assert str(tmp_path / "a.npz") in str(refused.value)
    assert "\n" not in str(refused.value)


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, content in members.items():
            writer.writestr(f"{name}.npy", content)
    return file.getvalue()


def saved(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def header(*shape: int) -> bytes:
    file = io.BytesIO()
    said = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, said)
    return file.getvalue()


BOTH = archive(images=saved(IMAGES), labels=saved(LABELS))
HOSTILE = {
    "announces gigabytes": (
        archive(images=header(10**6, 10**6) + b"12345", labels=saved(LABELS)),
        "000 bytes; 5 follow",
    ),
    "no array": (archive(images=b"hello", labels=b""), "an .npy file was expected"),
    "cut": (BOTH[:-30], "an .npz file was expected"),
    "no archive": (b"PK\3\4" + bytes(100), "an .npz file was expected"),
    "damaged": (BOTH.replace(b"\x93", b"\0"), "an .npz file was expected"),
}


@pytest.mark.parametrize("read", [load_images, load_npz, load_npz_test])
@pytest.mark.parametrize(("content", "said"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_hostile_is_one_line_that_names_the_file(
    tmp_path: Path, content: bytes, said: str, read: Callable[[Path], object]
) -> None:
    (tmp_path / "a.npz").write_bytes(content)

    with pytest.raises(DatasetError, match=said) as refused:
        read(tmp_path / "a.npz")
    assert str(refused.value).startswith(str(tmp_path / "a.npz"))
    assert "\n" not in str(refused.value)


@given(saved=st.sampled_from([np.savez, np.savez_compressed]), data=st.data())
def test_whatever_bytes_are_damaged_an_error_names_the_file(
    saved: Any, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.npz"
        saved(path, images=IMAGES, labels=LABELS)
        content = bytearray(path.read_bytes())
        places = st.integers(0, len(content) - 1)
        for place in data.draw(st.lists(places, min_size=1, max_size=9)):
            content[place] = data.draw(st.integers(0, 255))
        path.write_bytes(content)

        said = []
        for read in (load_images, load_labels, load_npz, load_npz_test):
            try:
                read(path)
            except DatasetError as exc:
                said.append(str(exc))

    assert all(each.startswith(str(path)) and "\n" not in each for each in said)


def test_a_small_archive_of_much_is_refused_by_what_it_inflates_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=np.zeros((1000, 1000), np.uint8))
    np.save(tmp_path / "a.npy", np.zeros((1000, 1000), np.uint8))
    monkeypatch.setattr(numpy_file, "MOST_BYTES", 999_999)

    for name in ("a.npz", "a.npy"):
        with pytest.raises(DatasetError, match="at most 999,999 bytes are read, there are 1,000"):
            load_images(tmp_path / name)


def test_of_several_arrays_the_one_of_the_usual_name_is_taken(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=LABELS)
    np.savez(tmp_path / "b.npz", a=IMAGES, b=LABELS)

    assert np.array_equal(load_images(tmp_path / "a.npz"), IMAGES)
    assert np.array_equal(load_labels(tmp_path / "a.npz"), LABELS)
    with pytest.raises(DatasetError, match="one named images, was expected, it holds a, b"):
        load_images(tmp_path / "b.npz")
