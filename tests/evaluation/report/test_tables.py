"""A report's table: which model each line is of, and how it was timed."""

import csv
import dataclasses
import io
import json
import re
from collections.abc import Sequence

import pytest

from evaluation.report.frontier import MEASURES
from evaluation.report.points import Point
from evaluation.report.report import Report
from evaluation.report.tables import (
    as_csv,
    as_json,
    circumstances,
    marks,
    point_rows,
    titles,
)
from tests.evaluation.report.made_up import point, report

POINTS = [
    point("fff", 300, 0.95, depth=2, leaf_width=8, master_width=0),
    point("dense", 200, 0.94, hidden_width=16),
    point("dense", 250, 0.94, depth=0, leaf_width=16, master_width=0),
    point("low_rank", 600, 0.96, hidden_width=64, rank=4),
]


def timed_by(points: Sequence[Point], name: str) -> list[Point]:
    return [
        dataclasses.replace(
            each,
            cost=dataclasses.replace(
                each.cost,
                batch_1_timed_by=name,
                batch_64_timed_by=f"{name} of 64",
                batch_4096_timed_by=f"{name} of 4096",
            ),
        )
        for each in points
    ]


def marks_of(made: Report, row: Sequence[str]) -> str:
    """Behind costs, but for those of the frontier."""
    shown = dict(zip(titles(made), row, strict=True))
    return "".join(re.sub(r"[\d.,*]", "", shown[measure.title]) for measure in MEASURES)


def test_every_line_names_the_model_that_was_timed_and_how() -> None:
    made = report(timed_by(POINTS, "torch"))
    lines = [*csv.DictReader(io.StringIO(as_csv(made)))]
    of_json = json.loads(as_json(made))["points"]

    for line, point_, row in zip(lines, of_json, point_rows(made), strict=True):
        shown = dict(zip(titles(made), row, strict=True))
        assert line["model"] == point_["models"][0]["name"] == shown["model"]
        assert line["us_batch_1_timed_by"] == point_["cost"]["batch_1_timed_by"] == "torch"
        assert line["us_batch_64_timed_by"] == point_["cost"]["batch_64_timed_by"] == "torch of 64"


@pytest.mark.parametrize(("by", "mark"), [("torch", ""), ("numba", "†")])
def test_a_dense_network_that_was_timed_as_a_tree_is_marked(by: str, mark: str) -> None:
    """One that is a tree of depth 0 runs as it is served, and so do all others."""
    made = report(timed_by(POINTS, by))

    found = {(row[0], row[1]): marks_of(made, row) for row in point_rows(made)}
    assert found.pop(("dense", "w200")) == mark
    assert {*found.values()} == {""}
    assert [line[0] for line in marks(made)] == ["*", *mark]


def test_it_is_said_how_loaded_the_machine_was_and_what_the_images_must_not_have_done() -> None:
    said = circumstances(report(POINTS))

    assert "load average 0.1 of 2 cores" in said
    assert said.startswith("10,000 test rows, which must have chosen nothing.")
