"""What is measured of each checkpoint, and which of them cannot be measured."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluation.dataset import Dataset
from evaluation.datasets import load_test
from evaluation.report import measuring
from evaluation.report.candidates import LeftOut, find_candidates
from evaluation.report.images import LabelledImages
from evaluation.report.measuring import implementations, judge, time_groups
from evaluation.report.points import Point
from evaluation.timing import RowTime
from fff.backends import Backend
from fff.layers import Dense
from model_store.store import Store
from networks.backends import build_backend
from tests.evaluation.image_files import write_class_folders
from tests.evaluation.report.made_up import dense, fff, publish, row_time

pytestmark = pytest.mark.usefixtures("few_rounds")
Digits = tuple[Dataset, Dataset]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def measured(store: Store, test: Dataset) -> tuple[list[Point], list[LeftOut]]:
    images = LabelledImages(test)
    found = find_candidates(store, [], images)
    groups = judge(found.checkpoints(), len(found), images, 1, found.left_out)
    return time_groups(groups, len(found), images, 1), found.left_out


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
        for figure in ("hard_accuracy", "soft_accuracy", "leaves_used"):
            assert ours.figures[figure] == scaled.figures[figure]


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
    assert re.fullmatch(
        r"model 'overflows' gives numbers that are not finite for \d+ of 360 images",
        left_out[0].why,
    )


def test_a_dense_network_is_a_tree_of_depth_0_with_the_same_logits() -> None:
    as_served, as_tree = implementations(dense(0))
    x = torch.randn(50, 64)

    served, tree = (build_backend(weights, torch.device("cpu")) for weights in (as_served, as_tree))
    assert (served.name, tree.name) == ("torch", "numba")
    torch.testing.assert_close(tree.infer(x).logits, served.infer(x).logits)
    assert as_tree.flops_per_row == as_served.flops_per_row


@pytest.mark.parametrize("quick", ["torch", "numba"])
def test_the_quicker_implementation_counts_and_is_named(
    store: Store, digits_data: Digits, monkeypatch: pytest.MonkeyPatch, quick: str
) -> None:
    def time_all(backends: Sequence[Backend], _: object, rows: int, __: int) -> list[RowTime]:
        return [row_time(1.0 if backend.name == quick else 2.0, rows=rows) for backend in backends]

    monkeypatch.setattr(measuring, "time_all", time_all)
    publish(store, "tree", fff(0), 0)
    publish(store, "wide", dense(0), 0)

    tree, wide = (point.cost for point in measured(store, digits_data[1])[0])

    assert (wide.batch_1.median_us, wide.batch_64.median_us) == (1.0, 1.0)
    assert (wide.batch_1_timed_by, wide.batch_64_timed_by) == (quick, quick)
    assert tree.batch_1_timed_by == "numba"
