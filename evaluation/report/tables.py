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

TITLES = (
    "family",
    "shape",
    "accuracy %",
    *(measure.title for measure in MEASURES),
    "model",
    "gap",
    "leaves used",
    "largest share",
    "calibration error %",
    "weight bytes",
    "seeds",
    "recipe",
)
PUBLISHED_TITLES = ("source", "shape", "published %", "recipe", "ours %", "seeds", "difference")
WORD_COLUMNS = {"family", "shape", "model", "recipe", "source"}
NOTES = (
    "Accuracy: hard, as served, on the test images; mean ± sample standard deviation over seeds. "
    "Gap: soft less hard accuracy, in points. Leaves used: by at least one test image. Largest "
    "share: of the images in the fullest leaf, times the leaves; 1 is even.",
    "* on the frontier by this cost: no other network is at least as accurate and at most as "
    "costly, and better in one of the two by more than the noise. Noise: of accuracy two standard "
    "errors of the difference of the means; of time the rounds' middle halves overlap.",
    "Time: in the kernel, all networks in turn within every round, medians; each call takes other "
    "images than the one before it; of the network that is named, which stands for all of its "
    "shape. Trees run in our kernel. A dense network runs in PyTorch, which serves it, and, as a "
    f"tree of depth 0, in that kernel; the quicker counts, and {AS_A_TREE} marks where it is the "
    "kernel. Low rank and the gate of a mixture run in PyTorch, whose calls take microseconds "
    "however small a network is: at batch 1 that is most of a small one's time.",
    "Model: of the first seed, as the store has it; report.json has all.",
)
"""What columns mean and how ties are treated, below the table."""
_SPREADS = (
    "hard_accuracy",
    "soft_accuracy",
    "gap_points",
    "leaves_used",
    "largest_share",
    "calibration_error",
    "training_accuracy",
)


def point_rows(report: Report) -> list[tuple[str, ...]]:
    """One row a point, a text for each of `TITLES`."""
    return [
        (
            point.family,
            point.label,
            _percent(point.hard_accuracy),
            *_costs(report, number),
            point.model,
            *_leaves(point),
            f"{100 * point.calibration_error.mean:.2f}",
            f"{point.cost.weight_bytes:,}",
            str(point.hard_accuracy.seeds),
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
            _percent(each.accuracy),
            str(each.accuracy.seeds),
            f"{each.difference_points:+.2f}",
        )
        for each in report.published
    ]


def circumstances(report: Report) -> str:
    """On how much it was measured, and on what."""
    machine = report.machine
    load = "" if machine.load is None else f"load average {machine.load:.1f} of "
    return (
        f"{report.test_rows:,} test images, which must have chosen nothing. "
        f"Timed on {machine.cpu}, {load}{machine.cores} cores, threads: {report.threads}, "
        f"torch {machine.torch}, {machine.date}."
    )


def as_json(report: Report) -> str:
    """All of it."""
    return json.dumps(asdict(report), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def as_csv(report: Report) -> str:
    """One row a point, numbers as they are in the JSON; nothing where there is none."""
    rows = [dict(_fields(report, number)) for number in range(len(report.points))]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _leaves(point: Point) -> tuple[str, str, str]:
    """Hardening gap, leaves used and the largest share; of what has no leaves, nothing."""
    if point.largest_share is None:
        return "", "", ""
    used = f"{point.leaves_used.mean:.4g}/{point.leaves}"
    return f"{point.gap_points.mean:.2f}", used, f"{point.largest_share.mean:.2f}"


def _costs(report: Report, number: int) -> Iterator[str]:
    point = report.points[number]
    for measure in MEASURES:
        cost = measure.cost(point)
        mark = ON_FRONTIER if number in report.frontiers[measure.name] else ""
        yield (
            (f"{cost:,}" if isinstance(cost, int) else f"{cost:.2f}")
            + _way(point, measure.name)
            + mark
        )


def _way(point: Point, measure: str) -> str:
    cost = point.cost
    by = {"us_batch_1": cost.batch_1_timed_by, "us_batch_64": cost.batch_64_timed_by}.get(measure)
    is_layer = point.family == DENSE and "hidden_width" in point.shape
    return AS_A_TREE if is_layer and by == "numba" else ""


def _percent(of: Spread) -> str:
    return f"{100 * of.mean:.2f}" + ("" if of.sd is None else f" ± {100 * of.sd:.2f}")


def _fields(report: Report, number: int) -> Iterator[tuple[str, Any]]:
    point = report.points[number]
    yield from (("family", point.family), ("recipe", point.recipe), ("shape", point.label))
    yield "model", point.model
    yield from ((name, point.shape.get(name)) for name in SHAPE_FIELDS)
    yield from (("seeds", point.hard_accuracy.seeds), ("leaves", point.leaves))
    for name in _SPREADS:
        yield from _spread_fields(name, getattr(point, name))
    yield from (
        (name, getattr(point.cost, name))
        for name in ("flops_per_row", "bytes_per_row", "weight_bytes")
    )
    yield from _time_fields("us_batch_1", point.cost.batch_1)
    yield "us_batch_1_timed_by", point.cost.batch_1_timed_by
    yield from _time_fields("us_batch_64", point.cost.batch_64)
    yield "us_batch_64_timed_by", point.cost.batch_64_timed_by
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
