"""
Labels beside marks: each where it lies on nothing and names the right mark, or nowhere.

A label is read as the name of the mark that is nearest to it. So a place counts only if its own
mark is clearly the nearest: no label misleads less than a wrong one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

Floats = npt.NDArray[np.float64]
Corner = tuple[float, float]
"""In the data's units, `(x, y)`."""
_FONT_SIZE, _MARKER = 8, 4  # points of 1/72 inch; half a marker and its edge
_GAPS = (6, 10, 16)  # from a mark to its label, likewise
_CLEAR = 1.25  # other marks are farther from a label than its own by at least this factor
_SIDES = (  # where a label lies, the best first
    *((1, 1), (-1, 1), (1, -1), (-1, -1)),
    *((0, 1), (0, -1), (1, 0), (-1, 0)),
)


@dataclass(frozen=True, slots=True)
class Mark:
    """
    A mark that is drawn, in the data's units.

    Attributes:
        x: Of its middle.
        y: Likewise.
        across: Both ends of its level error bar.
        along: Both ends of its upright one.
        text: Its label.
        colour: Of the label.
    """

    x: float
    y: float
    across: tuple[float, float]
    along: tuple[float, float]
    text: str
    colour: str


def place_labels(
    figure: "Figure", plot: "Axes", marks: Sequence[Mark], corners: Sequence[Corner]
) -> list[str]:
    """
    Write labels, the first ones first.

    Args:
        figure: Of one plot.
        plot: With everything but the labels on it.
        marks: All that are drawn.
        corners: Of a line of upright and level pieces; no label crosses it.

    Returns:
        Those that were written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()  # lays the figure out, so that places in it are known
    boxes = [*_drawn(figure, plot, marks), *_pieces(plot, corners)]
    if (legend := plot.get_legend()) is not None:
        boxes.append(legend.get_window_extent())
    taken = np.array([box.extents for box in boxes])  # [boxes, 4]: left, low, right, high
    centres = plot.transData.transform([(mark.x, mark.y) for mark in marks])  # [marks, 2]
    written = []
    for number, mark in enumerate(marks):
        note = _written(plot, mark)
        box = _place(figure, plot, note, number, centres, taken)
        if box is None:
            note.remove()
        else:
            taken = np.vstack([taken, box.padded(1).extents])
            written.append(mark.text)
    return written


def _place(
    figure: "Figure",
    plot: "Axes",
    note: "Annotation",
    own: int,
    centres: Floats,
    taken: Floats,
) -> "Bbox | None":
    """Move a label to the first place that it can have beside its own mark."""
    inside = plot.get_window_extent()
    for offset, box in _places(note, figure.dpi / 72):
        free = _is_within(box, inside) and not _overlaps(box, taken)
        if free and _is_clear(_distances(box, centres), own):
            note.set_position(offset)
            return box
    return None


def _written(plot: "Axes", mark: Mark) -> "Annotation":
    """Write a label with its middle on its mark."""
    note = plot.annotate(
        mark.text,
        (mark.x, mark.y),
        xytext=(0, 0),
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=_FONT_SIZE,
        color=mark.colour,
    )
    note.set_in_layout(False)  # or the axes would move away from under it
    return note


def _places(note: "Annotation", scale: float) -> Iterator[tuple[Corner, "Bbox"]]:
    """Places of a label, near ones first: how far it is moved in points, its box in pixels."""
    box = note.get_window_extent()
    for gap in _GAPS:
        for right, up in _SIDES:
            # Straight to a side, it is farther: a bar ends in that direction.
            away = gap if right and up else gap + _MARKER
            offset = right * (box.width / scale / 2 + away), up * (box.height / scale / 2 + away)
            yield offset, box.translated(offset[0] * scale, offset[1] * scale)


def _distances(box: "Bbox", places: Floats) -> Floats:
    """From a box's edge, in pixels; 0 within."""
    beyond = np.maximum(box.min - places, places - box.max)  # [marks, 2]
    distances: Floats = np.hypot(*np.maximum(beyond, 0).T)
    return distances


def _is_clear(distances: Floats, own: int) -> bool:
    return bool((np.delete(distances, own) > _CLEAR * distances[own]).all())


def _overlaps(box: "Bbox", taken: Floats) -> bool:
    left, low, right, high = taken.T
    across = (left <= box.x1) & (box.x0 <= right)
    return bool((across & (low <= box.y1) & (box.y0 <= high)).any())


def _is_within(box: "Bbox", outer: "Bbox") -> bool:
    across = outer.x0 <= box.x0 and box.x1 <= outer.x1
    return bool(across and outer.y0 <= box.y0 and box.y1 <= outer.y1)


def _drawn(figure: "Figure", plot: "Axes", marks: Sequence[Mark]) -> "Iterator[Bbox]":
    """Boxes of markers and error bars."""
    for mark in marks:
        centre = (mark.x, mark.y)
        yield _box(plot, centre, centre, _MARKER * figure.dpi / 72)
        yield _box(plot, (mark.across[0], mark.y), (mark.across[1], mark.y))
        yield _box(plot, (mark.x, mark.along[0]), (mark.x, mark.along[1]))


def _pieces(plot: "Axes", corners: Sequence[Corner]) -> "Iterator[Bbox]":
    return (_box(plot, *ends) for ends in pairwise(corners))


def _box(plot: "Axes", first: Corner, second: Corner, around: float = 1.0) -> "Bbox":
    """From one corner to another, and so many pixels around."""
    from matplotlib.transforms import Bbox

    (left, right), (low, high) = (
        sorted(each) for each in zip(_at(plot, first), _at(plot, second), strict=True)
    )
    return Bbox.from_extents(left - around, low - around, right + around, high + around)


def _at(plot: "Axes", at: Corner) -> Corner:
    x, y = plot.transData.transform(at)
    return float(x), float(y)
