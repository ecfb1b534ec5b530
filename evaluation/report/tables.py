"""
A report as tables: columns that people read, the file that programs read, and all of it as JSON.

Text is made here once, so that the terminal and the page show the same figures.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from evaluation.report.columns import columns_of, percent
from evaluation.report.contenders import DENSE, SHAPE_FIELDS
from evaluation.report.frontier import MEASURES
from evaluation.report.points import Point, Spread
from evaluation.report.report import Report
from evaluation.timing import RowTime

AS_A_TREE = "†"
"""Behind a time: of a dense network as a tree of depth 0, in our kernel, which was quicker."""
ON_FRONTIER = "*"
"""Behind a cost: the point is on that cost's frontier."""

MARKS = {
    ON_FRONTIER: "on the frontier by this cost",
    AS_A_TREE: "a dense network as a tree of depth 0 in our kernel, quicker than in PyTorch",
}
"""What they mean, in short."""

PUBLISHED_TITLES = ("source", "shape", "published %", "recipe", "ours %", "seeds", "difference")
WORD_COLUMNS = {"family", "shape", "model", "recipe", "source"}


def titles(report: Report) -> tuple[str, ...]:
    """Of the columns."""
    columns = columns_of(report.merit)
    return (
        *("family", "shape"),
        *(column.title for column in columns.first),
        *(measure.title for measure in MEASURES),
        "model",
        *(column.title for column in columns.later),
        *("weight bytes", "seeds", "recipe"),
    )


def point_rows(report: Report) -> list[tuple[str, ...]]:
    """One row a point, a text for each of `titles`."""
    columns = columns_of(report.merit)
    return [
        (
            *(point.family, point.label),
            *(column.text(point) for column in columns.first),
            *_costs(report, number),
            point.model,
            *(column.text(point) for column in columns.later),
            f"{point.cost.weight_bytes:,}",
            str(point.quality.seeds),
            point.recipe,
        )
        for number, point in enumerate(report.points)
    ]


def marks(report: Report) -> list[str]:
    """A line for each of `MARKS` that the table has."""
    cells = "".join(cell for row in point_rows(report) for cell in row)
    return [f"{mark} {meaning}" for mark, meaning in MARKS.items() if mark in cells]


def published_rows(report: Report) -> list[tuple[str, ...]]:
    """One row for each of our points that has a published one beside it."""
    return [
        (
            each.published.source,
            each.label,
            f"{100 * each.published.accuracy:.2f}",
            each.recipe,
            percent(each.accuracy),
            str(each.accuracy.seeds),
            f"{each.difference_points:+.2f}",
        )
        for each in report.published
    ]


def headline(report: Report) -> str:
    """Above it all."""
    of = "accuracy" if report.merit.higher_is_better else "error"
    return f"{report.data}: {of} and the cost of serving"


def circumstances(report: Report) -> str:
    """On how much it was measured, and on what."""
    machine = report.machine
    load = "" if machine.load is None else f"load average {machine.load:.1f} of "
    return (
        f"{report.test_rows:,} test rows, which must have chosen nothing. "
        f"Timed on {machine.cpu}, {load}{machine.cores} cores, threads: {report.threads}, "
        f"torch {machine.torch}, {machine.date}."
    )


def as_json(report: Report) -> str:
    """All of it; figures stand among a point's and a model's own fields."""
    whole = asdict(report)
    for point in whole["points"]:
        point |= point.pop("figures")
        del point["merit"]  # of all points the same
        for model in point["models"]:
            model |= model.pop("figures")
    whole["merit"] = {"figure": report.merit.figure, "unit": report.merit.unit}
    return json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def as_csv(report: Report) -> str:
    """One row a point, numbers as they are in the JSON; nothing where there is none."""
    rows = [dict(_fields(report, number)) for number in range(len(report.points))]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _costs(report: Report, number: int) -> Iterator[str]:
    point = report.points[number]
    for measure in MEASURES:
        if not measure.is_known(point):
            yield ""
            continue
        cost = measure.cost(point)
        mark = ON_FRONTIER if number in report.frontiers[measure.name] else ""
        yield (
            (f"{cost:,}" if isinstance(cost, int) else f"{cost:.2f}")
            + _way(point, measure.name)
            + mark
        )


def _way(point: Point, measure: str) -> str:
    cost = point.cost
    by = {
        "us_batch_1": cost.batch_1_timed_by,
        "us_batch_64": cost.batch_64_timed_by,
        "us_batch_4096": cost.batch_4096_timed_by,
    }.get(measure)
    is_layer = point.family == DENSE and "hidden_width" in point.shape
    return AS_A_TREE if is_layer and by == "numba" else ""


def _fields(report: Report, number: int) -> Iterator[tuple[str, Any]]:
    point = report.points[number]
    yield from (("family", point.family), ("recipe", point.recipe), ("shape", point.label))
    yield "model", point.model
    yield from ((name, point.shape.get(name)) for name in SHAPE_FIELDS)
    yield from (("seeds", point.quality.seeds), ("leaves", point.leaves))
    for name in point.merit.figures:
        yield from _spread_fields(name, point.figures[name])
    yield from (
        (name, getattr(point.cost, name))
        for name in ("flops_per_row", "bytes_per_row", "weight_bytes")
    )
    yield from _time_fields("us_batch_1", point.cost.batch_1)
    yield "us_batch_1_timed_by", point.cost.batch_1_timed_by
    yield from _time_fields("us_batch_64", point.cost.batch_64)
    yield "us_batch_64_timed_by", point.cost.batch_64_timed_by
    yield from _time_fields("us_batch_4096", point.cost.batch_4096)
    yield "us_batch_4096_timed_by", point.cost.batch_4096_timed_by
    for measure in MEASURES:
        yield f"on_frontier_{measure.name}", int(number in report.frontiers[measure.name])


def _spread_fields(name: str, of: Spread | None) -> Iterator[tuple[str, Any]]:
    parts: dict[str, Callable[[Spread], Any]] = {
        "mean": lambda s: s.mean,
        "sd": lambda s: s.sd,
        "min": lambda s: s.low,
        "max": lambda s: s.high,
    }
    yield from ((f"{name}_{part}", of and read(of)) for part, read in parts.items())


def _time_fields(name: str, time: RowTime) -> Iterator[tuple[str, Any]]:
    yield from (
        (name, time.median_us),
        (f"{name}_low", time.low_us),
        (f"{name}_high", time.high_us),
        (f"{name}_rounds", time.rounds),
    )
