"""Folders of images: which are the parts and the classes, and what does not belong is named."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evaluation.errors import DatasetError
from evaluation.image_folder import load_image_folder, load_image_test
from tests.evaluation.image_files import GREY, LABELS, write_class_folders


def test_classes_are_in_the_order_of_their_names_and_numbers_of_their_value(
    tmp_path: Path,
) -> None:
    for folder, names in (("numbers", ["10", "9", "2"]), ("words", ["b", "10", "a"])):
        write_class_folders(tmp_path / folder, GREY, np.array(names)[LABELS])

    assert load_image_test(tmp_path / "numbers").class_names == ("2", "9", "10")
    assert load_image_test(tmp_path / "words").class_names == ("10", "a", "b")


def test_a_test_part_alone_has_the_classes_of_training(parts: Path) -> None:
    shutil.rmtree(parts / "test" / "1")
    both, alone = load_image_folder(parts)[1], load_image_test(parts)

    assert alone.sha256 == both.sha256
    assert (alone.class_names, set(alone.labels.tolist())) == (("0", "1", "2"), {0, 2})


def test_a_test_part_may_be_all_there_is_to_evaluate_and_not_to_train(parts: Path) -> None:
    with_train = load_image_test(parts)
    shutil.rmtree(parts / "train")

    assert load_image_test(parts).sha256 == with_train.sha256
    with pytest.raises(DatasetError, match="a folder train was expected beside test"):
        load_image_folder(parts)


def test_without_parts_a_fifth_of_every_class_is_held_out_the_same_each_time(
    tmp_path: Path,
) -> None:
    write_class_folders(tmp_path, GREY, LABELS)
    train, test = load_image_folder(tmp_path)
    rows = {row.tobytes() for row in (*train.images, *test.images)}

    assert np.bincount(test.labels).tolist() == [2, 2, 2]
    assert len(rows) == len(train) + len(test) == 30
    assert load_image_test(tmp_path).sha256 == test.sha256


def test_validation_images_beside_both_parts_are_trained_on(parts: Path) -> None:
    write_class_folders(parts / "val", 255 - GREY, LABELS)
    train, test = load_image_folder(parts)

    assert np.array_equal(train.images[30:].reshape(GREY.shape), 255 - GREY)
    assert np.array_equal(test.images.reshape(GREY.shape), GREY)


def test_a_class_may_be_named_as_a_part_is(tmp_path: Path) -> None:
    write_class_folders(tmp_path, GREY, np.array(["bus", "car", "train"])[LABELS])

    assert load_image_test(tmp_path).class_names == ("bus", "car", "train")


def test_what_systems_leave_behind_and_links_to_images_do_no_harm(parts: Path) -> None:
    before = load_image_test(parts).sha256
    (parts / "README.md").write_text("about")
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (parts / "test" / "0" / name).write_bytes(b"?")
    (parts / "test" / "__MACOSX").mkdir()
    image = parts / "test" / "0" / "00003.png"
    image.rename(parts / "elsewhere")
    image.symlink_to(parts / "elsewhere")

    assert load_image_test(parts).sha256 == before


def linked_to_nothing(file: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere")


def made_a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def made_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def without_training_images(file: Path) -> None:
    for image in (file.parents[2] / "train" / "1").iterdir():
        image.unlink()


def with_one_class(file: Path) -> None:
    for name in "12":
        shutil.rmtree(file.parents[2] / "train" / name)


MISPLACED: dict[str, tuple[Callable[[Path], object], str]] = {  # done to test/1/00015.png
    "no image": (lambda f: f.rename(f.with_suffix(".csv")), r"00015\.csv: .* named \*\.png"),
    "broken link": (linked_to_nothing, "00015.png: .* link to nothing"),
    "broken link to a class": (
        lambda f: (f.parents[2] / "train" / "x").symlink_to("x"),
        "train/x: a file or a folder was expected, it is a link to nothing",
    ),
    "a name that is no text": (
        lambda f: f.rename(f.with_name(os.fsdecode(b"\xff.png"))),
        r"test/1: names that can be printed were expected, got '\\udcff.png'",
    ),
    "a pipe": (made_a_pipe, "00015.png: an image was expected, a regular"),
    "a folder": (
        made_a_folder,
        "00015.png: .* it is a folder; expected train/",
    ),
    "beside": (lambda f: f.rename(f.parents[1] / f.name), "named by their class, got 00015.png"),
    "other class": (
        lambda f: f.parent.rename(f.parents[1] / "x"),
        "the classes 0, 1, 2 of the training images were expected, got x",
    ),
    "third part": (lambda f: (f.parents[2] / "more").mkdir(), "got more beside test, train"),
    "no test": (lambda f: shutil.rmtree(f.parents[1]), "folder test was expected beside train"),
    "val for test": (
        lambda f: f.parents[1].rename(f.parents[2] / "val"),
        "training holds out its own validation images, and val is not test data",
    ),
    "val without train": (
        lambda f: (f.parents[2] / "train").rename(f.parents[2] / "val"),
        "a folder train was expected beside test, val",
    ),
    "class without images": (
        without_training_images,
        "at least one image of each class was expected, got none of 1",
    ),
    "one class": (
        with_one_class,
        "at least 2 folders of classes were expected, got 0",
    ),
}


@pytest.mark.parametrize(("damage", "said"), MISPLACED.values(), ids=MISPLACED)
def test_what_does_not_belong_is_named_in_one_line(
    parts: Path, damage: Callable[[Path], object], said: str
) -> None:
    damage(parts / "test" / "1" / "00015.png")

    with pytest.raises(DatasetError, match=said) as refused:
        load_image_folder(parts)
    assert "\n" not in str(refused.value)
