"""
The kernel bench as one picture: speed-up over dense by batch size, a line for each shape.

SVG that is readable on light and dark pages. Both axes are logarithmic, so that a loss looks as
large as the win it mirrors.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from bench.kernels.cells import shape_of
from bench.networks import Cell

_WIDTH, _BELOW = 800, 62  # pixels; below the plot: the batch sizes and the caption
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 500, 52, 340  # the plot; names of shapes are right of it
_NAME_STEP = 34  # least distance of two names
_TITLE = (
    "times faster than dense of the same training width (eager torch; weights warm, rows balanced)"
)
_COLOURS = (  # on light and on dark pages; after Okabe and Ito, for the colour-blind too
    ("#0072b2", "#56b4e9"),
    ("#c25700", "#ff9e4a"),
    ("#00805f", "#2fd0a0"),
    ("#a6478a", "#e79bcb"),
    ("#8a6d00", "#f0e442"),
    ("#5b5bd6", "#a9a9ff"),
    ("#555555", "#bbbbbb"),
)


@dataclass(frozen=True, slots=True)
class _Plot:
    """
    Where a figure lies.

    Attributes:
        batches: Ascending; the first and last are the ends of the axis.
        low: Ratio at the bottom, a power of ten, like `high` at the top.
    """

    batches: Sequence[int]
    low: float
    high: float

    def x(self, batch: int) -> float:
        span = math.log(self.batches[-1] / self.batches[0]) or 1
        return _LEFT + (_RIGHT - _LEFT) * math.log(batch / self.batches[0]) / span

    def y(self, ratio: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * math.log(ratio / self.low) / math.log(
            self.high / self.low
        )


def draw(cells: Sequence[Cell], caption: str) -> str:
    """
    Draw the cells with balanced rows and warm weights.

    Args:
        cells: All of a run; the others are left out.
        caption: The circumstances of the run, of any number of lines.
    """
    drawn = [c for c in cells if c["routing"] == "balanced" and c["weights"] == "warm"]
    ratios = [c["ratio_dense"] for c in drawn]
    plot = _Plot(
        sorted({c["batch"] for c in drawn}),
        10 ** math.floor(math.log10(min(*ratios, 1))),
        10 ** math.ceil(math.log10(max(*ratios, 10))),
    )
    notes = caption.splitlines()
    height = _BOTTOM + _BELOW + 16 * len(notes)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'font-family="system-ui, sans-serif" font-size="13" role="img">',
        "<title>Dense time over FFF time, by rows in a batch</title>",
        _style(),
        _text(_LEFT - 44, 24, _TITLE),
        *_axes(plot),
        *_lines(plot, drawn),
        *(
            _text(_LEFT - 44, _BOTTOM + _BELOW + 16 * k, note, "quiet small")
            for k, note in enumerate(notes)
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _axes(plot: _Plot) -> Iterator[str]:
    ratio = plot.low
    while ratio <= plot.high * 1.001:
        kind = "even" if math.isclose(ratio, 1) else "grid"
        y = plot.y(ratio)
        yield f'<path class="{kind}" d="M{_LEFT} {y:.1f}H{_RIGHT}"/>'
        yield _text(_LEFT - 8, y + 4, f"{ratio:,g}", "quiet end")
        ratio *= 10
    yield _text(_LEFT + 16, plot.y(1) + 14, "as fast as dense", "quiet small")
    for batch in plot.batches:
        yield _text(plot.x(batch), _BOTTOM + 20, str(batch), "quiet middle")
    yield _text((_LEFT + _RIGHT) / 2, _BOTTOM + 38, "rows in a batch", "quiet middle")


def _lines(plot: _Plot, cells: Sequence[Cell]) -> Iterator[str]:
    shapes = {shape: [c for c in cells if shape_of(c) == shape] for shape in map(shape_of, cells)}
    # Names stand beside the ends of their lines, from the lowest up, and keep their distance.
    highest = float(_BOTTOM + _NAME_STEP)
    for shape in sorted(shapes, key=lambda shape: float(shapes[shape][-1]["ratio_dense"])):
        of, colour = shapes[shape], f"c{list(shapes).index(shape) % len(_COLOURS)}"
        points = [(plot.x(c["batch"]), plot.y(c["ratio_dense"])) for c in of]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        yield f'<path class="line {colour}" d="M{path}"/>'
        for (x, y), c in zip(points, of, strict=True):
            yield f'<circle class="dot {colour}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
            if c is of[0] or c is of[-1]:
                yield _text(x + 6, y - 7, _ratio(c["ratio_dense"]), f"name {colour}")
        highest = min(highest - _NAME_STEP, points[-1][1])
        yield _text(_RIGHT + 48, highest, shape, f"name {colour}")
        flops = f"{of[0]['flop_ratio']:,.0f} times fewer FLOPs"
        yield _text(_RIGHT + 48, highest + 15, flops, "quiet small")


def _ratio(ratio: float) -> str:
    return f"{ratio:.2g}" if ratio < 10 else f"{ratio:,.0f}"


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _style() -> str:
    def colours(on_dark: int) -> str:
        return "".join(
            f".line.c{k}{{stroke:{pair[on_dark]}}}.name.c{k},.dot.c{k}{{fill:{pair[on_dark]}}}"
            for k, pair in enumerate(_COLOURS)
        )

    return (
        "<style>text{fill:#1f2328}.quiet{fill:#59636e}.small{font-size:11px}"
        ".end{text-anchor:end}.middle{text-anchor:middle}.line{fill:none;stroke-width:2}"
        f".grid{{stroke:#d1d9e0}}.even{{stroke:#59636e;stroke-dasharray:4 4}}{colours(0)}"
        "@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.quiet{fill:#9198a1}"
        f".grid{{stroke:#3d444d}}.even{{stroke:#9198a1}}{colours(1)}}}</style>"
    )
