"""
What a report's table says of quality, of accuracy or of error, and what its columns mean.

Not covered:  columns of costs, names and seeds (`evaluation.report.tables`).
"""

from collections.abc import Callable
from dataclasses import dataclass

from evaluation.report.merit import Merit
from evaluation.report.points import Point, Spread


@dataclass(frozen=True, slots=True)
class Column:
    """
    One column.

    Attributes:
        title: Above it.
        text: Of a point; empty where it is not known.
    """

    title: str
    text: Callable[[Point], str]


@dataclass(frozen=True, slots=True)
class Columns:
    """
    Columns of one kind of quality.

    Attributes:
        first: Before the costs.
        later: After the model.
        note: What they mean.
    """

    first: tuple[Column, ...]
    later: tuple[Column, ...]
    note: str


def percent(of: Spread) -> str:
    """A share as mean and deviation."""
    return f"{100 * of.mean:.2f}" + ("" if of.sd is None else f" ± {100 * of.sd:.2f}")


def columns_of(merit: Merit) -> Columns:
    """Columns for accuracy, or for errors in a unit."""
    if merit.higher_is_better:
        return _ACCURACY
    unit = f" {merit.unit}" if merit.unit else ""
    first = (
        Column(f"RMSE{unit}", lambda point: _number(point, "rmse")),
        Column(f"MAE{unit}", lambda point: _number(point, "mae")),
        Column("R²", lambda point: _text(point, "r2", lambda of: f"{of.mean:.4f}")),
    )
    later = (*_LEAVES, Column("trained in s", lambda p: _text(p, "training_s", _seconds)))
    return Columns(first, later, _OF_ERRORS)


def _text(point: Point, figure: str, write: Callable[[Spread], str]) -> str:
    of = point.figures[figure]
    return "" if of is None else write(of)


def _of_leaves(point: Point, figure: str, write: Callable[[Spread], str]) -> str:
    return _text(point, figure, write) if point.leaves else ""


def _number(point: Point, figure: str) -> str:
    return _text(
        point,
        figure,
        lambda of: f"{of.mean:.4g}" + ("" if of.sd is None else f" ± {of.sd:.2g}"),
    )


def _seconds(of: Spread) -> str:
    return f"{of.mean:.0f}"


_LEAVES = (
    Column(
        "leaves used",
        lambda point: _of_leaves(point, "leaves_used", lambda of: f"{of.mean:.4g}/{point.leaves}"),
    ),
    Column(
        "largest share",
        lambda point: _of_leaves(point, "largest_share", lambda of: f"{of.mean:.2f}"),
    ),
)
_ACCURACY = Columns(
    (Column("accuracy %", lambda point: percent(point.quality)),),
    (
        Column("gap", lambda p: _of_leaves(p, "gap_points", lambda of: f"{of.mean:.2f}")),
        *_LEAVES,
        Column(
            "calibration error %",
            lambda p: _text(p, "calibration_error", lambda of: f"{100 * of.mean:.2f}"),
        ),
    ),
    "Accuracy: hard, as served, on the test rows; mean ± sample standard deviation over seeds. "
    "Gap: soft less hard accuracy, in points. Leaves used: by at least one test row. Largest "
    "share: of the rows in the fullest leaf, times the leaves; 1 is even.",
)
_OF_ERRORS = (
    "RMSE, MAE, R²: as served, on the test rows, means over the targets; mean ± sample standard "
    "deviation over seeds. Leaves used: by at least one test row. Largest share: of the rows in "
    "the fullest leaf, times the leaves; 1 is even. Trained in: as the manifest has it, on the "
    "machine of then."
)
_FRONTIER = (
    "* on the frontier by this cost: no other is at least as good and at most as costly, and "
    "better in one of the two by more than the noise. Noise: of accuracy or error two standard "
    "errors of the difference of the means; of time the rounds' middle halves overlap."
)
_TIME = (
    "Time: in the kernel, all networks in turn within every round, medians; each call takes other "
    "rows than the one before it; of the network that is named, which stands for all of its "
    "shape. Trees run in our kernel. A dense network runs in PyTorch, which serves it, and, as a "
    "tree of depth 0, in that kernel; the quicker counts, and † marks where it is the kernel. "
    "Others run in PyTorch, whose calls take microseconds however small a network is: at batch 1 "
    "that is most of a small one's time. Rivals that are no networks run in their own libraries."
)
_MODEL = "Model: of the first seed, as the store has it; report.json has all."


def notes(merit: Merit) -> tuple[str, ...]:
    """What columns mean and how ties are treated, below the table."""
    return columns_of(merit).note, _FRONTIER, _TIME, _MODEL
