"""What is written: the same figures everywhere, the same bytes each time, nothing external."""

import csv
import dataclasses
import io
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from evaluation.errors import EvaluationError
from evaluation.report.candidates import LeftOut
from evaluation.report.document import as_html
from evaluation.report.files import write_report
from evaluation.report.pictures import pictures
from evaluation.report.report import Report
from evaluation.report.tables import as_csv, as_json, point_rows, titles
from tests.evaluation.report.made_up import point, report

VOID = {"meta", "br"}


@pytest.fixture(scope="module")
def made() -> Report:
    tree = {"leaf_width": 8, "master_width": 0}
    points = [
        point("fff", 300, 0.95, sd=0.001, label="ℓ8 d2", depth=2, **tree),
        point("fff", 400, 0.97, sd=0.001, label="ℓ8 d4", depth=4, **tree),
        point("dense", 200, 0.94, sd=0.002, hidden_width=16),
        point("dense", 900, 0.98, seeds=1, hidden_width=128),
        point("low_rank", 600, 0.96, hidden_width=64, rank=4),
    ]
    return report(points, "mnist")


@pytest.fixture(scope="module")
def drawn(made: Report) -> dict[str, str]:
    return pictures(made)


class Balanced(HTMLParser):
    """Fails where a tag is not closed, or names are given twice; SVG may close its own at once."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names += [value for name, value in attrs if name == "id" and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_files_are_those_that_are_named(made: Report, tmp_path: Path) -> None:
    written = write_report(made, tmp_path / "deep" / "out")

    assert {file.name for file in written} == {
        *("report.json", "report.csv", "report.html", "depth_m0.svg"),
        *(f"{name}.svg" for name in made.frontiers),
    }
    assert all(file.stat().st_size for file in written)


def test_pictures_of_an_earlier_report_go_and_files_of_others_stay(
    made: Report, tmp_path: Path
) -> None:
    for name in ("depth_m8.svg", "depth_m16.svg", "depth_mine.svg", "notes.txt", "us_batch_1.svg"):
        (tmp_path / name).write_text("earlier")

    written = write_report(made, tmp_path)

    others = {tmp_path / "depth_mine.svg", tmp_path / "notes.txt"}
    assert {*tmp_path.iterdir()} == {*written} | others
    assert all(file.read_text(encoding="utf-8") != "earlier" for file in written)


def test_csv_json_and_table_have_the_same_figures(made: Report) -> None:
    lines = [*csv.DictReader(io.StringIO(as_csv(made)))]
    whole = json.loads(as_json(made))

    for number, (line, row) in enumerate(zip(lines, point_rows(made), strict=True)):
        of_json, shown = whole["points"][number], dict(zip(titles(made), row, strict=True))
        assert line["family"] == of_json["family"] == shown["family"]
        assert line["shape"] == of_json["label"] == shown["shape"]
        assert float(line["hard_accuracy_mean"]) == of_json["hard_accuracy"]["mean"]
        assert shown["accuracy %"].startswith(f"{100 * float(line['hard_accuracy_mean']):.2f}")
        assert (float(line["hard_accuracy_sd"] or -1)) == (
            -1 if of_json["hard_accuracy"]["sd"] is None else of_json["hard_accuracy"]["sd"]
        )
        assert float(line["us_batch_1"]) == of_json["cost"]["batch_1"]["median_us"]
        assert int(line["seeds"]) == len(of_json["models"]) == int(shown["seeds"])
        marked = shown["FLOPs a row"].endswith("*")
        assert marked == (line["on_frontier_flops_per_row"] == "1")
        assert marked == (number in whole["frontiers"]["flops_per_row"])
        assert shown["FLOPs a row"].strip("*").replace(",", "") == line["flops_per_row"]


def test_one_seed_has_no_deviation(made: Report) -> None:
    lines = [*csv.DictReader(io.StringIO(as_csv(made)))]
    one = next(line for line in lines if line["seeds"] == "1")

    assert one["hard_accuracy_sd"] == ""
    assert one["hard_accuracy_min"] == one["hard_accuracy_max"] == "0.98"


def test_the_page_is_whole_and_takes_nothing_from_elsewhere(
    made: Report, drawn: dict[str, str]
) -> None:
    page, parser = as_html(made, drawn), Balanced()
    parser.feed(page)

    assert parser.open == []
    assert len(parser.names) == len(set(parser.names)) > 20
    assert not re.search(r"https?:|//[a-z]|<script|<link|<img|@import|url\((?!#)", page)
    for text in (*made.sentences.values(), "arXiv:2308.14711, table 1"):
        assert text in page


def test_pictures_and_tables_scroll_in_boxes_of_their_own(
    made: Report, drawn: dict[str, str]
) -> None:
    """A telephone shows part of them in a size that reads, and never scrolls the page."""
    page = as_html(made, drawn)

    assert "svg{min-width:44rem}" in page
    assert page.count("<svg ") == page.count('<div class="wide"><svg ') == len(drawn)
    assert page.count("<table") == page.count('<div class="wide"><table') > 0


def test_every_reference_within_the_page_has_its_target(
    made: Report, drawn: dict[str, str]
) -> None:
    page, parser = as_html(made, drawn), Balanced()
    parser.feed(page)

    named = re.findall(r'(?:xlink:href="#|url\(#)([^")]+)', page)
    assert named
    assert {*named} <= {*parser.names}


def test_texts_from_checkpoints_are_escaped(made: Report, drawn: dict[str, str]) -> None:
    evil = "<script>alert(1)</script>"
    points = [dataclasses.replace(point, recipe=evil) for point in made.points]
    other = dataclasses.replace(
        made, points=points, command=evil, data=evil, left_out=[LeftOut(evil, evil)]
    )

    assert "<script" not in as_html(other, drawn)


def test_what_was_left_out_is_told(made: Report, drawn: dict[str, str]) -> None:
    other = dataclasses.replace(made, left_out=[LeftOut("model-x", "is damaged")])

    assert "model-x: is damaged" in as_html(other, drawn)
    assert json.loads(as_json(other))["left_out"] == [{"model": "model-x", "why": "is damaged"}]


def test_pictures_are_the_same_bytes_each_time(made: Report, drawn: dict[str, str]) -> None:
    assert pictures(made) == drawn


def test_a_picture_names_its_points_as_text(drawn: dict[str, str]) -> None:
    for svg in drawn.values():
        ElementTree.fromstring(svg)
        assert "<text" in svg
    assert ">ℓ8 d4<" in drawn["flops_per_row"]
    assert ">w900<" in drawn["flops_per_row"]


def test_a_tree_of_one_depth_draws_no_depth() -> None:
    one = report([point("fff", 400, 0.97, depth=4, leaf_width=8, master_width=0)])

    assert {*pictures(one)} == {*one.frontiers}


def test_without_matplotlib_the_extra_is_named(
    made: Report, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(EvaluationError, match="pictures, .*needs the extra train"):
        write_report(made, tmp_path / "out")
    assert not (tmp_path / "out").exists()
