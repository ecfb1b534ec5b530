"""Where labels are written: on nothing, and nearest to the mark that they name."""

from itertools import combinations
from math import hypot
from typing import Any

import numpy as np
import pytest

from evaluation.report.labels import Mark, place_labels
from evaluation.report.svg import axes

Box = Any  # matplotlib's Bbox
Place = tuple[float, float]
CORNERS = [(0.0, 2.0), (4.0, 2.0), (4.0, 7.0), (9.0, 7.0)]


def marks_of(seed: int) -> list[Mark]:
    """Draw marks in crowds, with error bars of every length, the longest from edge to edge."""
    drawn = np.random.default_rng(seed)
    middles = drawn.uniform(0, 10, (6, 2))
    places = middles[drawn.integers(6, size=40)] + drawn.normal(0, 0.6, (40, 2))
    bars = 0.2 * drawn.exponential(size=(40, 2)) ** 2
    return [
        Mark(x, y, (x - across, x + across), (y - along, y + along), f"ℓ{n} d4 m8", "#000000")
        for n, ((x, y), (across, along)) in enumerate(
            zip(places.tolist(), bars.tolist(), strict=True)
        )
    ]


def written(marks: list[Mark]) -> tuple[dict[str, Box], Box, Any]:
    """Draw marks, bars, a line and a legend; boxes of the labels and of the legend, in pixels."""
    with axes() as (figure, plot):
        plot.set_xlim(-2, 12)
        plot.set_ylim(-2, 12)
        for mark in marks:
            plot.plot(mark.x, mark.y, "o", markersize=6)
        plot.plot([], [], label="a family")
        legend = plot.legend(loc="upper right")
        names = place_labels(figure, plot, marks, CORNERS)
        boxes = {text.get_text(): text.get_window_extent() for text in plot.texts}
        assert [*boxes] == names
        return boxes, legend.get_window_extent(), plot.transData


def along(transform: Any, ends: list[Place]) -> list[Place]:
    """Points on a line of straight pieces, in pixels."""
    pieces = [
        np.linspace(first, second, 500) for first, second in zip(ends[:-1], ends[1:], strict=True)
    ]
    return [*map(tuple, transform.transform(np.concatenate(pieces)).tolist())]


def holds(box: Box, at: Place) -> bool:
    return bool(box.x0 <= at[0] <= box.x1 and box.y0 <= at[1] <= box.y1)


def distance(box: Box, at: Place) -> float:
    nearest = min(max(at[0], box.x0), box.x1), min(max(at[1], box.y0), box.y1)
    return hypot(at[0] - nearest[0], at[1] - nearest[1])


@pytest.mark.parametrize("seed", range(4))
def test_no_label_lies_on_a_mark_a_bar_the_line_the_legend_or_another_label(seed: int) -> None:
    marks = marks_of(seed)

    boxes, legend, transform = written(marks)

    lines = along(transform, CORNERS)
    for mark in marks:
        lines += along(transform, [(end, mark.y) for end in mark.across])
        lines += along(transform, [(mark.x, end) for end in mark.along])
    assert not any(holds(box, at) for box in boxes.values() for at in lines)
    assert not any(box.overlaps(legend) for box in boxes.values())
    assert not any(one.overlaps(other) for one, other in combinations(boxes.values(), 2))


@pytest.mark.parametrize("seed", range(4))
def test_the_mark_nearest_to_a_label_is_its_own(seed: int) -> None:
    marks = marks_of(seed)

    boxes, _, transform = written(marks)

    assert len(boxes) > 5
    at = {mark.text: transform.transform((mark.x, mark.y)) for mark in marks}
    for name, box in boxes.items():
        assert min(at, key=lambda each: distance(box, at[each])) == name
        assert distance(box, at[name]) < 40  # pixels: five times a marker


def test_marks_in_one_place_have_no_label_and_a_mark_alone_has() -> None:
    two = [Mark(3, 5, (3, 3), (5, 5), name, "#000000") for name in ("first", "second")]
    alone = Mark(9, 1, (8, 10), (0, 2), "alone", "#000000")

    boxes, _, _ = written([*two, alone])

    assert [*boxes] == ["alone"]
