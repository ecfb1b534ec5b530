"""A report on a field: less error is better, and rivals stand beside the networks."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluation.fields import divide
from evaluation.regression import errors_of, evaluate_regression
from evaluation.report.candidates import find_candidates
from evaluation.report.document import as_html
from evaluation.report.frontier import MEASURES
from evaluation.report.held_out import HeldOutSamples, error_of_rmse
from evaluation.report.pictures import pictures
from evaluation.report.report import Report, build_report
from evaluation.report.rivals import Rival, fitted_rival
from evaluation.report.tables import as_csv, as_json, point_rows, titles
from fff.raster import RasterWeights
from model_store.columns import Target
from model_store.manifest import ImportOrigin
from model_store.store import Store
from tests.evaluation.report.made_up import COMMAND
from tests.training.field.surfaces import samples
from training.field.models import train_field
from training.field.recipe import FieldRecipe

RECIPE = FieldRecipe(name="field", depth=4, epochs=1, hidden_width=4, iterations=5)
HEIGHT = Target(name="height", unit="m", mean=500.0, deviation=50.0, tolerance=1.0)
ROWS = HeldOutSamples(*divide(replace(samples(2000), targets=(HEIGHT,)), 0.1))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = Store(tmp_path_factory.mktemp("store"))
    for seed in (0, 1):
        train_field(RECIPE, ROWS.train, ROWS.test, made, f"tree-{seed}", seed, lambda *_: None, ())
    dense = RECIPE.override({"family": "dense"})
    train_field(dense, ROWS.train, ROWS.test, made, "wide", 0, lambda *_: None, ())
    elsewhere = divide(replace(samples(2000, seed=1), targets=(HEIGHT,)), 0.1)
    train_field(RECIPE, *elsewhere, made, "other-rows", 0, lambda *_: None, ())
    origin = ImportOrigin(format="toy", sha256="0" * 64)
    made.publish("map", RasterWeights(torch.zeros(3, 3, 1)), origin=origin, targets=[HEIGHT])
    return made


@pytest.fixture(scope="module")
def made(store: Store, few_rounds: None) -> Report:
    found = find_candidates(store, [], ROWS)
    return build_report(found, ROWS, "waves", 1, COMMAND, rivals=["knn", "interpolation", "raster"])


def test_networks_and_rivals_have_the_errors_of_their_own_answers(
    made: Report, store: Store
) -> None:
    points = {point.family: point for point in made.points}

    assert [*points] == ["fff", "dense", "interpolation", "knn"]
    trees = [evaluate_regression(store.load(f"tree-{n}"), ROWS.test).rmse for n in (0, 1)]
    assert points["fff"].quality.mean == pytest.approx(np.mean(trees))
    assert points["fff"].quality.seeds == 2
    rival = fitted_rival("knn", ROWS.train, ROWS.test, 1)
    assert isinstance(rival, Rival)
    rmse, mae, r2 = (each[0] for each in errors_of(rival.answers(ROWS.test.x), ROWS.test.y))
    shown = {name: spread and spread.mean for name, spread in points["knn"].figures.items()}
    assert (shown["rmse"], shown["mae"], shown["r2"]) == pytest.approx((rmse, mae, r2))
    assert shown["training_s"] is None
    assert points["dense"].figures["training_s"] is not None


def test_what_cannot_be_measured_honestly_is_left_out_with_the_reason(made: Report) -> None:
    why = {each.model: each.why for each in made.left_out}

    assert why.keys() == {"other-rows", "map", "raster"}
    assert "other rows" in why["other-rows"]
    assert "holds the test rows" in why["map"]
    assert "regular grid" in why["raster"]


def test_the_least_error_is_on_every_frontier_of_a_cost_that_it_has(made: Report) -> None:
    for measure in MEASURES:
        on = [made.points[number] for number in made.frontiers[measure.name]]
        least = min(measure.known(made.points), key=lambda point: point.quality.mean)
        assert any(point is least for point in on)
        assert all(measure.is_known(point) for point in on)
    assert made.sentences["flops_per_row"].endswith("from there on fff.")
    assert len(made.equal_error) == len(MEASURES)
    assert "fff ℓ8 d4" in made.equal_error[0]
    assert "dense w4" in made.equal_error[0]


def test_files_say_errors_and_leave_out_what_nobody_counts(made: Report, tmp_path: Path) -> None:
    whole = json.loads(as_json(made))
    knn = next(point for point in whole["points"] if point["family"] == "knn")

    assert whole["merit"] == {"figure": "rmse", "unit": "m"}
    assert knn["cost"]["flops_per_row"] is None
    assert knn["cost"]["batch_4096"]["batch_rows"] == 4096
    assert knn["cost"]["batch_4096_timed_by"] == "scipy"
    assert "rmse_mean" in as_csv(made).splitlines()[0]
    assert {len(row) for row in point_rows(made)} == {len(titles(made))}
    assert titles(made)[2:5] == ("RMSE m", "MAE m", "R²")
    drawn = pictures(made)
    assert "RMSE" in drawn["flops_per_row"]
    assert ">knn<" in drawn["us_batch_64"].replace("</", "<")
    assert ">knn<" not in drawn["flops_per_row"].replace("</", "<")
    assert "error and the cost of serving" in as_html(made, drawn)


def test_the_standard_error_of_a_root_is_what_other_rows_would_make_it_spread() -> None:
    generator = np.random.default_rng(0)
    squared = generator.normal(size=(400, 1000, 2)) ** 2 * [1.0, 9.0]
    roots = np.sqrt(squared.mean(1)).mean(1)  # of 400 draws of 1,000 rows

    told = [error_of_rmse(each) for each in squared]

    assert np.mean(told) == pytest.approx(roots.std(), rel=0.15)
    assert error_of_rmse(np.zeros((5, 1))) == 0
