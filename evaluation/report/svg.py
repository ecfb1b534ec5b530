"""
matplotlib as pictures are drawn here: text as text, no frame, no grid, the same bytes each time.

Covered:      figures and axes in our style; SVG for a file, and for a page.
Not covered:  what is drawn (`evaluation.report.pictures`).
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from evaluation.errors import EvaluationError
from evaluation.report.style import PAPER, QUIET, TEXT, dark_rules
from fff.extras import needs_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SETTINGS: Any = {  # its keys are a type of matplotlib's
    "svg.fonttype": "none",
    "svg.hashsalt": "fff-serve",  # else names of parts are drawn at random
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],  # the first comes with matplotlib
    "font.size": 10,
    "figure.facecolor": PAPER,  # on a page that is dark while the browser prefers light
    "axes.facecolor": "none",
    "text.color": TEXT,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.1,
}
_CANVAS = ":root{color-scheme:light dark}"  # around a picture that is opened by itself
_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))  # none of it: versions differ


def require_matplotlib() -> None:
    """
    Tell before long work that its pictures could not be drawn.

    Raises:
        EvaluationError: If matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as exc:
        what = "a report's pictures, which matplotlib draws,"
        raise EvaluationError(needs_extra(what, "train")) from exc


@contextmanager
def axes() -> "Iterator[tuple[Figure, Axes]]":
    """
    Draw one picture on the axes that are yielded.

    Raises:
        EvaluationError: If matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_SETTINGS):
        figure = Figure(figsize=(7.6, 4.6))
        yield figure, figure.subplots()


def as_svg(figure: "Figure", title: str) -> str:
    """
    Write a figure, within `axes`.

    Args:
        figure: Of one plot, on paper of its own: it reads on any page that shows it.
        title: What it shows, for those who do not see it.
    """
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata=_METADATA)
    text = written.getvalue()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!DOCTYPE.*?>\s*", "", text, flags=re.DOTALL)
    head = f'\\1 role="img"><title>{title}</title><style>{_CANVAS}{dark_rules()}</style>'
    return re.sub(r"(<svg [^>]*)>", head, text, count=1)


def inline(svg: str, name: str) -> str:
    """
    Make an SVG part of an HTML page, without a style of its own, with names of its own.

    Args:
        svg: As `as_svg` writes it.
        name: Goes before every name within it.
    """
    text = svg[svg.index("<svg ") :]
    text = re.sub(r"<style>.*?</style>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    return re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{name}-", text)
