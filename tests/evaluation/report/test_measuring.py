"""What is measured of each checkpoint, and which of them cannot be measured."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.dataset import Dataset
from evaluation.datasets import load_test
from evaluation.report.candidates import LeftOut, find_candidates
from evaluation.report.measuring import measure
from evaluation.report.points import Point
from fff.layers import Dense
from model_store.store import Store
from tests.evaluation.image_files import write_class_folders
from tests.evaluation.report.made_up import dense, fff, publish

pytestmark = pytest.mark.usefixtures("few_rounds")
Digits = tuple[Dataset, Dataset]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def measured(store: Store, test: Dataset) -> tuple[list[Point], list[LeftOut]]:
    found = find_candidates(store, [], test)
    return measure(found.checkpoints(), len(found), test, 1, found.left_out), found.left_out


def write_files(folder: Path, test: Dataset, classes: int = 10) -> Dataset:
    """The digits as files in which white is 255, of a model whose white is 16."""
    rows = test.labels < classes
    shades = np.rint(test.images[rows] * (255 / 16)).astype(np.uint8)
    write_class_folders(folder / "files" / "test", shades.reshape(-1, 8, 8), test.labels[rows])
    return load_test(folder / "files")


def test_images_of_a_folder_are_taken_as_evaluate_takes_them(
    store: Store, digits_data: Digits, tmp_path: Path
) -> None:
    """And as the scaled pixels that the model was trained on."""
    publish(store, "tree", fff(0), 0)
    publish(store, "wide", dense(0), 0)

    of_files, _ = measured(store, write_files(tmp_path, digits_data[1]))
    of_pixels, _ = measured(store, digits_data[1])

    for ours, scaled in zip(of_files, of_pixels, strict=True):
        assert ours.hard_accuracy == scaled.hard_accuracy
        assert ours.soft_accuracy == scaled.soft_accuracy
        assert ours.leaves_used == scaled.leaves_used


def test_a_model_that_knows_other_classes_than_the_folders_is_left_out(
    store: Store, digits_data: Digits, tmp_path: Path
) -> None:
    publish(store, "ten", dense(0), 0)
    publish(store, "nine", Dense(64, 9, 4).weights(), 0)

    points, left_out = measured(store, write_files(tmp_path, digits_data[1], classes=9))

    assert [point.models[0].name for point in points] == ["nine"]
    assert [each.model for each in left_out] == ["ten"]
    assert "has 9 folders of classes: 0, 1" in left_out[0].why


def test_a_model_whose_numbers_are_not_finite_is_left_out(
    store: Store, digits_data: Digits
) -> None:
    healthy = Dense(64, 10, 6).weights()
    publish(store, "healthy", healthy, 0)
    publish(store, "overflows", replace(healthy, w1=healthy.w1 * 1e25, w2=healthy.w2 * 1e25), 1)

    points, left_out = measured(store, digits_data[1])

    assert [[model.name for model in point.models] for point in points] == [["healthy"]]
    assert [each.model for each in left_out] == ["overflows"]
    assert re.fullmatch(r"gives numbers that are not finite for \d+ of 360 images", left_out[0].why)
