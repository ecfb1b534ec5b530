"""Labels beside points: each where it lies on nothing, or nowhere."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

Label = tuple[float, float, str, str]
"""Where its point is, in the data's units; text; colour."""

_GAP, _MARKER = 6, 5  # points of 1/72 inch
_PLACES = (  # where a label goes, the best first: offset, and which side of it is at the point
    ((_GAP, _GAP), "left", "bottom"),
    ((-_GAP, _GAP), "right", "bottom"),
    ((_GAP, -_GAP), "left", "top"),
    ((-_GAP, -_GAP), "right", "top"),
    ((0, 2 * _GAP), "center", "bottom"),
    ((0, -2 * _GAP), "center", "top"),
    ((2 * _GAP, 0), "left", "center"),
    ((-2 * _GAP, 0), "right", "center"),
)


def place_labels(
    figure: "Figure", plot: "Axes", labels: Sequence[Label], corners: Sequence[tuple[float, float]]
) -> list[str]:
    """
    Write labels, the first ones first.

    Args:
        figure: Of one plot.
        plot: With everything but the labels on it.
        labels: Of its points.
        corners: Of a line of upright and level pieces, in the data's units; no label crosses it.

    Returns:
        Those that were written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()  # lays the figure out, so that places in it are known
    inside = plot.get_window_extent()
    taken = [*_markers(figure, plot, labels), *_pieces(plot, corners)]
    if (legend := plot.get_legend()) is not None:
        taken.append(legend.get_window_extent())
    written = []
    for label in labels:
        box = _place(plot, label, inside, taken)
        if box is not None:
            taken.append(box.padded(1))
            written.append(label[2])
    return written


def _place(plot: "Axes", label: Label, inside: "Bbox", taken: Sequence["Bbox"]) -> "Bbox | None":
    x, y, text, colour = label
    for offset, horizontal, vertical in _PLACES:
        note = plot.annotate(
            text,
            (x, y),
            xytext=offset,
            textcoords="offset points",
            ha=horizontal,
            va=vertical,
            fontsize=8,
            color=colour,
        )
        note.set_in_layout(False)  # or the axes would move away from under it
        box = note.get_window_extent()
        if _is_within(box, inside) and not any(box.overlaps(other) for other in taken):
            return box
        note.remove()
    return None


def _is_within(box: "Bbox", outer: "Bbox") -> bool:
    across = outer.x0 <= box.x0 and box.x1 <= outer.x1
    return bool(across and outer.y0 <= box.y0 and box.y1 <= outer.y1)


def _markers(figure: "Figure", plot: "Axes", labels: Sequence[Label]) -> "list[Bbox]":
    from matplotlib.transforms import Bbox

    half = _MARKER * figure.dpi / 72
    centres = [plot.transData.transform((x, y)) for x, y, _, _ in labels]
    return [Bbox.from_extents(x - half, y - half, x + half, y + half) for x, y in centres]


def _pieces(plot: "Axes", corners: Sequence[tuple[float, float]]) -> "list[Bbox]":
    from matplotlib.transforms import Bbox

    at = [plot.transData.transform(corner) for corner in corners]
    ends = [(*sorted((a[0], b[0])), *sorted((a[1], b[1]))) for a, b in pairwise(at)]
    return [Bbox.from_extents(left, low, right, high) for left, right, low, high in ends]
