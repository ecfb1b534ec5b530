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
from evaluation.report.merit import Merit
from evaluation.report.quality import Quality
from evaluation.report.rivals import Rival
from evaluation.timing import RowTime
from fff.weights import weight_bytes
from networks.weights import AnyWeights


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
        flops_per_row: Multiplications and additions of one row; None where nobody counts them.
        bytes_per_row: Weight bytes that one row alone must read; likewise.
        weight_bytes: Bytes of all of the network's tensors, or of what a rival keeps.
        batch_1: Time of a row that comes alone, in the kernel.
        batch_64: Time of a row among 64, in the kernel.
        batch_4096: Time of a row among 4,096, in the kernel.
        batch_1_timed_by: The implementation that was the quicker one: `torch`, or `numba`, our
            compiled kernel, in which a dense network is a tree of depth 0; of a rival its library.
        batch_64_timed_by: Likewise.
        batch_4096_timed_by: Likewise.
    """

    flops_per_row: int | None
    bytes_per_row: int | None
    weight_bytes: int
    batch_1: RowTime
    batch_64: RowTime
    batch_4096: RowTime
    batch_1_timed_by: str
    batch_64_timed_by: str
    batch_4096_timed_by: str


@dataclass(frozen=True, slots=True)
class Point:
    """
    One network of the report, over its seeds.

    Attributes:
        family: One curve of the report.
        recipe: Name of the recipe.
        shape: Widths, depth and the like.
        label: The shape in short.
        test_rows: Rows that it was measured on.
        merit: Which of the figures says how good it is, and which way is better.
        figures: By name, over the seeds (`evaluation.report.quality.Quality`); None what is not
            known.
        leaves: Leaves; 0 without.
        cost: Of a row.
        models: Each seed's own figures.
    """

    family: str
    recipe: str
    shape: Shape
    label: str
    test_rows: int
    merit: Merit
    figures: dict[str, Spread | None]
    leaves: int
    cost: Cost
    models: list[Quality]

    @property
    def quality(self) -> Spread:
        """Its merit's figure."""
        found = self.figures[self.merit.figure]
        assert found is not None, "every point has it. This is a bug."
        return found

    @property
    def rank(self) -> float:
        """Higher for the better one of two points of a report."""
        return self.merit.rank(self.quality.mean)

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
        Standard error of the mean of its merit; of accuracy at least that of one test row.

        Of a single seed the spread over seeds is not known: the error that its rows alone make
        stands in (`Quality.error`). Seeds may spread more than that, or less, as all of them are
        measured on the same rows.
        """
        of, seeds = self.quality, self.quality.seeds
        error = self.models[0].error if of.sd is None else of.sd / math.sqrt(seeds)
        return max(error, self.merit.grain / self.test_rows)


def spread(values: Sequence[float]) -> Spread:
    """Put a figure's values over seeds together, at least one."""
    sd = stdev(values) if len(values) > 1 else None
    return Spread(fmean(values), sd, min(values), max(values), len(values))


def cost_of(network: AnyWeights | Rival, timed: Sequence[Timed]) -> Cost:
    """Put what is counted and what was timed, at each batch size, together."""
    counted: tuple[int | None, int | None, int] = (
        (None, None, network.stored_bytes)
        if isinstance(network, Rival)
        else (network.flops_per_row, network.bytes_per_row, weight_bytes(network))
    )
    times, by = [each.time for each in timed], [each.by for each in timed]
    return Cost(*counted, times[0], times[1], times[2], by[0], by[1], by[2])


def point_of(
    contender: Contender, models: Sequence[Quality], cost: Cost, test_rows: int, merit: Merit
) -> Point:
    """Put the seeds of one group together, at least one."""
    return Point(
        family=contender.family,
        recipe=contender.recipe,
        shape=contender.shape,
        label=contender.label,
        test_rows=test_rows,
        merit=merit,
        figures={
            name: _spread_of_known([model.figures[name] for model in models])
            for name in merit.figures
        },
        leaves=models[0].leaves,
        cost=cost,
        models=list(models),
    )


def _spread_of_known(values: Sequence[float | None]) -> Spread | None:
    known = [value for value in values if value is not None]
    return spread(known) if known else None
