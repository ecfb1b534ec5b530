"""
Points of the report: checkpoints that differ in their seed alone, put together.

A point has one shape, so FLOPs and bytes are the same for all of its seeds, and time is measured
on one of them, the first.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from evaluation.report.contenders import FFF_FAMILIES, Contender, Shape
from evaluation.report.quality import Quality
from evaluation.timing import RowTime
from fff.weights import Weights, weight_bytes


@dataclass(frozen=True, slots=True)
class Spread:
    """
    A figure over seeds.

    Attributes:
        mean: Over the seeds.
        sd: Sample standard deviation, with n - 1; None of a single seed.
        low: The least.
        high: The most.
        seeds: How many, n.
    """

    mean: float
    sd: float | None
    low: float
    high: float
    seeds: int


@dataclass(frozen=True, slots=True)
class Timed:
    """
    Time of a network by one of its implementations.

    Attributes:
        time: Of a row.
        by: The implementation, a name of `fff.backends.BACKENDS`.
    """

    time: RowTime
    by: str


@dataclass(frozen=True, slots=True)
class Cost:
    """
    What serving a network costs.

    Attributes:
        flops_per_row: Multiplications and additions of one row.
        bytes_per_row: Weight bytes that one row alone must read.
        weight_bytes: Bytes of all of the network's tensors.
        batch_1: Time of a row that comes alone, in the kernel.
        batch_64: Time of a row among 64, in the kernel.
        batch_1_timed_by: The implementation that was the quicker one: `torch`, or `numba`, our
            compiled kernel, in which a dense network is a tree of depth 0.
        batch_64_timed_by: Likewise.
    """

    flops_per_row: int
    bytes_per_row: int
    weight_bytes: int
    batch_1: RowTime
    batch_64: RowTime
    batch_1_timed_by: str
    batch_64_timed_by: str


@dataclass(frozen=True, slots=True)
class Point:
    """
    One network of the report, over its seeds.

    Attributes:
        family: One curve of the report.
        recipe: Name of the recipe.
        shape: Widths, depth and the like.
        label: The shape in short.
        test_rows: Rows that accuracy was measured on.
        hard_accuracy: As served, 0 to 1.
        soft_accuracy: By the mixture of all leaves, 0 to 1.
        gap_points: Soft less hard accuracy, in points of 100.
        leaves_used: Leaves that at least one row reached.
        leaves: Leaves; 0 without.
        largest_share: Share of the fullest leaf times the leaves, 1 where all are even.
        calibration_error: Expected calibration error, 0 to 1.
        training_accuracy: Hard accuracy on the training rows; None where a manifest has none.
        cost: Of a row.
        models: Each seed's own figures.
    """

    family: str
    recipe: str
    shape: Shape
    label: str
    test_rows: int
    hard_accuracy: Spread
    soft_accuracy: Spread
    gap_points: Spread
    leaves_used: Spread
    leaves: int
    largest_share: Spread | None
    calibration_error: Spread
    training_accuracy: Spread | None
    cost: Cost
    models: list[Quality]

    @property
    def is_fff(self) -> bool:
        """A tree whose routing was trained."""
        return self.family in FFF_FAMILIES

    @property
    def model(self) -> str:
        """Name of the first seed's model in the store: the one that was timed."""
        return self.models[0].name

    @property
    def is_trained_here(self) -> bool:
        """Not imported: each of its networks has a seed."""
        return all(model.seed is not None for model in self.models)

    @property
    def error(self) -> float:
        """
        Standard error of the mean accuracy, at least that of one test row.

        Of a single seed the spread over seeds is not known: the error of counting right answers on
        so many rows stands in. Seeds may spread more than that, or less, as all of them are counted
        on the same rows.
        """
        of, seeds = self.hard_accuracy, self.hard_accuracy.seeds
        if of.sd is None:
            error = math.sqrt(of.mean * (1 - of.mean) / self.test_rows)
        else:
            error = of.sd / math.sqrt(seeds)
        return max(error, 1 / self.test_rows)


def spread(values: Sequence[float]) -> Spread:
    """Put a figure's values over seeds together, at least one."""
    sd = stdev(values) if len(values) > 1 else None
    return Spread(fmean(values), sd, min(values), max(values), len(values))


def cost_of(weights: Weights, batch_1: Timed, batch_64: Timed) -> Cost:
    """Put what is counted and what was timed together."""
    counted = (weights.flops_per_row, weights.bytes_per_row, weight_bytes(weights))
    return Cost(*counted, batch_1.time, batch_64.time, batch_1.by, batch_64.by)


def point_of(contender: Contender, models: Sequence[Quality], cost: Cost, test_rows: int) -> Point:
    """Put the seeds of one group together, at least one."""
    return Point(
        family=contender.family,
        recipe=contender.recipe,
        shape=contender.shape,
        label=contender.label,
        test_rows=test_rows,
        hard_accuracy=spread([m.hard_accuracy for m in models]),
        soft_accuracy=spread([m.soft_accuracy for m in models]),
        gap_points=spread([m.gap_points for m in models]),
        leaves_used=spread([m.leaves_used for m in models]),
        leaves=models[0].leaves,
        largest_share=_spread_of_known([m.largest_share for m in models]),
        calibration_error=spread([m.calibration_error for m in models]),
        training_accuracy=_spread_of_known([m.training_accuracy for m in models]),
        cost=cost,
        models=list(models),
    )


def _spread_of_known(values: Sequence[float | None]) -> Spread | None:
    known = [value for value in values if value is not None]
    return spread(known) if known else None
