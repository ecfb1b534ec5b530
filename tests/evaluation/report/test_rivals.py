"""Rivals that are no networks answer as their own libraries do, and stand where they belong."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.interpolate import RegularGridInterpolator
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from evaluation import booster
from evaluation.fields import divide
from evaluation.report import rivals
from evaluation.report.rivals import Rival, Unfit, fitted_rival, wanted_rivals
from evaluation.samples import Samples
from networks.backends import build_backend
from tests.training.field.surfaces import samples

Parts = tuple[Samples, Samples]
SLOPE = np.array([[2], [3]], np.float32)
PARTS = divide(samples(600), 0.1)


def in_classes(part: Samples) -> Samples:
    """Three of them."""
    high, east = part.y[:, 0] > 500, part.x[:, 0] > 0
    return Samples(part.x, high.astype(np.int64) + east.astype(np.int64), part.name)


CLASSES = in_classes(PARTS[0]), in_classes(PARTS[1])


def fitted(name: str, parts: Parts = PARTS) -> Rival:
    rival = fitted_rival(name, *parts, 1)
    assert isinstance(rival, Rival)
    return rival


def rows_apart(part: Samples) -> Samples:
    """Two rows are one of those that are known: their distance is 0."""
    known = PARTS[0].take(np.arange(2), "known")
    y = np.concatenate((part.y, known.y)).astype(np.float32)
    return Samples(np.concatenate((part.x, known.x)), y, part.name)


def with_opposite(part: Samples) -> Samples:
    """Two values."""
    return Samples(part.x, np.hstack((part.y, -part.y)).astype(np.float32), part.name)


def test_neighbours_answer_as_scikit_learn_s_do() -> None:
    x = rows_apart(PARTS[1]).x
    values, classes = fitted("knn"), fitted("knn", CLASSES)
    k, k_of_classes = int(values.label[1:]), int(classes.label[1:])

    theirs = KNeighborsRegressor(k, weights="distance").fit(PARTS[0].x, PARTS[0].y)
    of_classes = KNeighborsClassifier(k_of_classes, weights="distance").fit(
        CLASSES[0].x, CLASSES[0].y
    )
    assert k > 1
    assert np.allclose(values.answers(x), theirs.predict(x), rtol=1e-5)
    assert np.allclose(classes.answers(x), of_classes.predict_proba(x), atol=1e-6)


def test_a_booster_is_scikit_learn_s_of_each_value_and_chosen_by_rows_it_held_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(booster, "MOST_ROUNDS", 20)
    two = with_opposite(PARTS[0]), with_opposite(PARTS[1])

    values, classes = fitted("booster", two), fitted("booster", CLASSES)

    answers = values.answers(PARTS[1].x)
    assert answers.shape == (60, 2)
    assert np.abs(answers[:, :1] - PARTS[1].y).mean() < PARTS[1].y.std() / 2
    right = classes.answers(PARTS[1].x).argmax(1) == CLASSES[1].y
    assert right.mean() > 0.8


def test_interpolation_is_exact_at_the_rows_and_on_planes_and_the_nearest_row_beyond() -> None:
    plane = Samples(PARTS[0].x, PARTS[0].x @ SLOPE, "plane")
    surface = fitted("interpolation", (plane, PARTS[1]))
    inside = PARTS[1].x / np.float32(2)

    assert np.allclose(surface.answers(plane.x), plane.y, atol=1e-5)
    assert np.allclose(surface.answers(inside), inside @ SLOPE, atol=1e-5)
    far = np.full((1, 2), 40, np.float32)
    assert surface.answers(far) in plane.y


def test_a_raster_has_its_own_cells_and_those_of_the_test_from_the_others() -> None:
    axes = np.linspace(-1, 1, 9, dtype=np.float32), np.linspace(-1, 1, 7, dtype=np.float32)
    y, x = np.meshgrid(*axes, indexing="ij")
    cells = np.stack((x.ravel(), y.ravel()), 1)
    values = (np.sin(3 * x) + y**2).reshape(-1, 1).astype(np.float32)
    train, test = divide(Samples(cells, values, "cells"), 0.1)

    weights = fitted_rival("raster", train, test, 1)

    assert not isinstance(weights, Rival)
    hidden = Samples(test.x, np.full_like(test.y, 1e6), "hidden")
    blind = fitted_rival("raster", train, hidden, 1)
    assert not isinstance(blind, Rival)
    assert np.array_equal(weights.values, blind.values)
    theirs = RegularGridInterpolator(axes, weights.values.numpy())
    backend = build_backend(weights, torch.device("cpu"))
    rows = samples(50).x
    ours = backend.infer(torch.from_numpy(rows)).logits.numpy()
    assert np.allclose(ours, theirs(rows[:, ::-1]), atol=1e-5)
    surface = fitted("interpolation", (train, test))
    there = backend.infer(torch.from_numpy(test.x)).logits.numpy()
    assert np.allclose(there, surface.answers(test.x), atol=1e-5)


def absent(*given: object) -> Rival:
    raise ImportError


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("interpolation", lambda: CLASSES, "not classes"),
        ("interpolation", lambda: divide(samples(60, inputs=5), 0.1), "2 to 4 inputs, got 5"),
        ("raster", lambda: PARTS, "regular grid"),
        ("knn", lambda: PARTS, r"extra train"),
    ],
)
def test_a_rival_that_is_none_says_why(
    name: str,
    make: Callable[[], Parts],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if name == "knn":
        monkeypatch.setitem(rivals.RIVALS, "knn", absent)
    with pytest.raises(Unfit, match=said):
        fitted_rival(name, *make(), 1)


def test_all_rivals_are_wanted_unless_others_are_named() -> None:
    assert wanted_rivals(None) == [*rivals.RIVALS]
    assert wanted_rivals(["none"]) == []
    assert wanted_rivals(["knn", "knn"]) == ["knn"]
    with pytest.raises(Exception, match="one of knn, .*; got 'svm'"):
        wanted_rivals(["svm"])
