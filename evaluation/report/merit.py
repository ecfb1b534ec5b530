"""
What networks of a report are told apart by: accuracy, or an error in the target's unit.

Covered:      which figure, which way is better, how it is said, its least noise.
Not covered:  the figures themselves (`evaluation.report.images`, `evaluation.report.held_out`).
"""

from dataclasses import dataclass

ACCURACY_FIGURES = (
    "hard_accuracy",
    "soft_accuracy",
    "gap_points",
    "leaves_used",
    "largest_share",
    "calibration_error",
    "training_accuracy",
)
ERROR_FIGURES = (
    "rmse",
    "mae",
    "r2",
    "leaves_used",
    "largest_share",
    "training_rmse",
    "training_s",
)


@dataclass(frozen=True, slots=True)
class Merit:
    """
    One figure that says how good a network is.

    Attributes:
        figure: Its name among a point's figures.
        figures: Names of all that are known of a point, in the order of `report.csv`.
        name: In sentences and titles.
        unit: Of what is shown; empty for none.
        factor: From the figure to what is shown.
        higher_is_better: False of an error.
        grain: Of a mean over n test rows the least standard error is `grain / n`.
    """

    figure: str
    figures: tuple[str, ...]
    name: str
    unit: str
    factor: float
    higher_is_better: bool
    grain: float

    def rank(self, value: float) -> float:
        """Of two values the better one has the higher."""
        return value if self.higher_is_better else -value

    def number(self, value: float) -> str:
        """A value as tables show it."""
        return f"{value * self.factor:.2f}" if self.higher_is_better else f"{value:.4g}"

    def text(self, value: float) -> str:
        """A value with its unit."""
        return f"{self.number(value)} {self.unit}".rstrip()

    @property
    def title(self) -> str:
        """Of a table's column."""
        return f"{self.name} {self.unit}".rstrip()


ACCURACY = Merit("hard_accuracy", ACCURACY_FIGURES, "accuracy", "%", 100.0, True, 1.0)
"""Share of rows whose class is right, as served."""


def error_in(unit: str | None) -> Merit:
    """Root of the mean squared error, mean over the targets, in their unit where they have one."""
    return Merit("rmse", ERROR_FIGURES, "RMSE", unit or "", 1.0, False, 0.0)
