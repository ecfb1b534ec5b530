"""The table in Markdown, and a line of what came of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import mean, stdev

from bench.vision.cells import DEPTHS, WIDTH
from bench.vision.times import BATCHES, Times

WANTED = {8: 99.0, 1: 97.5}
"""Percent of the twin's accuracy that were hoped for, by leaf width."""


@dataclass(frozen=True, slots=True)
class Figures:
    """
    Of one data set.

    Attributes:
        reached: Test accuracies, 0 to 1, one for each seed, by family and leaf width.
        times: By the same; None where nobody took them.
    """

    reached: dict[tuple[str, int], list[float]]
    times: dict[tuple[str, int], Times] | None

    def kept(self, family: str, leaf_width: int) -> float:
        """Mean accuracy in percent of the twin's."""
        twin = mean(self.reached["dense", WIDTH])
        return 100 * mean(self.reached[family, leaf_width]) / twin


def markdown(figures: Figures) -> Iterator[str]:
    """Lines of a table, then of a verdict."""
    heads = ["", "accuracy, %", "kept, %", "neurons used", "dense of that width, %", "kept, %"]
    timed = [f"{part} at {batch}, ms" for part in ("whole", "FF") for batch in BATCHES]
    heads += timed if figures.times else []
    yield "| " + " | ".join(heads) + " |"
    yield "|---|" + "--:|" * (len(heads) - 1)
    twin = [f"dense, {WIDTH}", _spread(figures.reached["dense", WIDTH]), "100", str(WIDTH), "", ""]
    yield _row(twin, figures, ("dense", WIDTH))
    for leaf_width, depth in DEPTHS.items():
        cells = [
            f"l = {leaf_width}, d = {depth}",
            _spread(figures.reached["fff", leaf_width]),
            f"{figures.kept('fff', leaf_width):.2f}",
            str(leaf_width + depth),
            _spread(figures.reached["narrow", leaf_width]),
            f"{figures.kept('narrow', leaf_width):.2f}",
        ]
        yield _row(cells, figures, ("fff", leaf_width))
    yield ""
    yield _verdict(figures)


def _row(cells: list[str], figures: Figures, side: tuple[str, int]) -> str:
    if figures.times:
        its = figures.times[side]
        cells += [
            f"{part[batch]:.3g}" for part in (its.whole, its.feed_forward) for batch in BATCHES
        ]
    return "| " + " | ".join(cells) + " |"


def _spread(values: list[float]) -> str:
    more = f" ± {100 * stdev(values):.2f}" if len(values) > 1 else ""
    return f"{100 * mean(values):.2f}{more}"


def _verdict(figures: Figures) -> str:
    goals = []
    for leaf_width, wanted in WANTED.items():
        kept = figures.kept("fff", leaf_width)
        met = "met" if kept >= wanted else "missed"
        goals.append(f"at l = {leaf_width} {kept:.2f} % is kept, {wanted} % were wanted: {met}")
    better = [
        leaf_width
        for leaf_width in DEPTHS
        if figures.kept("fff", leaf_width) > figures.kept("narrow", leaf_width)
    ]
    widths = ", ".join(map(str, better)) or "none"
    line = f"{'; '.join(goals)}. Better than dense of width l: at l = {widths}."
    if figures.times:
        twin, least = figures.times["dense", WIDTH], figures.times["fff", 8]
        ratios = [
            f"{part[0][batch] / part[1][batch]:.2f} ({name} at {batch})"
            for name, part in (
                ("whole", (twin.whole, least.whole)),
                ("FF", (twin.feed_forward, least.feed_forward)),
            )
            for batch in BATCHES
        ]
        line += f" Times the twin's speed at l = 8: {', '.join(ratios)}."
    return line
