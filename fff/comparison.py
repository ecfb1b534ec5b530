"""
Two networks on the same rows: how far apart their outputs are, in which order to time them, and
what the times say.

The comparison offline (`evaluation.comparison`) and the one served
(`service.inspection.comparison`) both count here, so that they mean the same by the same word.
The shadow of live rows reports something else under `mean_difference`: see `service.shadow.stats`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

import numpy as np
import numpy.typing as npt

from fff.agreement import SAME_CLASS, AgreementRule, Outputs, absolute_difference

Classes = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Agreement:
    """
    How far two networks' outputs are from each other.

    Attributes:
        rows: Rows compared, at least one.
        same_class: Share of rows that both give the same class, 0 to 1; None of a regression.
        within_tolerance: Share of rows whose every value differs by at most its target's tolerance,
            0 to 1; None of a classification.
        largest_difference: Largest absolute difference of two outputs.
        mean_difference: Mean absolute difference of two outputs, over all rows and outputs.
    """

    rows: int
    same_class: float | None
    within_tolerance: float | None
    largest_difference: float
    mean_difference: float


@dataclass(frozen=True, slots=True)
class OutputDifference:
    """
    How far two networks are from each other in one output, in its unit.

    Attributes:
        largest: Largest absolute difference.
        mean: Mean absolute difference, over the rows.
    """

    largest: float
    mean: float


class Tally:
    """
    Counts two networks' outputs, a chunk of rows at a time.

    Args:
        rule: What counts as agreement; by default the same class.
    """

    def __init__(self, rule: AgreementRule = SAME_CLASS) -> None:
        self._rule = rule
        self._rows = self._agreeing = 0
        self._largest, self._sum = np.zeros(1), np.zeros(1)  # of each output, once there is a row
        self._labelled, self._correct = 0, np.zeros(2, np.int64)

    def add(self, first: Outputs, second: Outputs, labels: Classes | None = None) -> None:
        """
        Count a chunk.

        Args:
            first: Outputs of the first network, `[n, o]`, float32, at least one row.
            second: Of the second network for the same rows, `[n, o]`, float32.
            labels: Correct classes, `[n]`, integers; None where they are not known.
        """
        difference = absolute_difference(first, second)  # [n, o]
        self._largest = np.maximum(self._largest, difference.max(axis=0))  # [o]
        self._sum = self._sum + difference.sum(axis=0)  # [o]
        self._rows += len(first)
        self._agreeing += int(self._rule.agree(first, second).sum())
        if labels is not None:
            classes = np.stack([first.argmax(axis=1), second.argmax(axis=1)])  # [2, n]
            self._labelled += len(labels)
            self._correct += (classes == labels).sum(axis=1)

    @property
    def share(self) -> float:
        """Share of all rows so far, at least one, on which both agree, 0 to 1."""
        return self._agreeing / self._rows

    @property
    def agreement(self) -> Agreement:
        """Of all rows so far, at least one."""
        of_classes = self._rule.tolerances is None
        return Agreement(
            rows=self._rows,
            same_class=self.share if of_classes else None,
            within_tolerance=None if of_classes else self.share,
            largest_difference=float(self._largest.max()),
            mean_difference=float(self._sum.mean() / self._rows),
        )

    @property
    def differences(self) -> list[OutputDifference]:
        """Of each output, over all rows so far, at least one."""
        pairs = zip(self._largest.tolist(), (self._sum / self._rows).tolist(), strict=True)
        return [OutputDifference(largest, mean) for largest, mean in pairs]

    @property
    def accuracies(self) -> tuple[float | None, float | None]:
        """Of each network, the share of labelled rows whose class is right; None without labels."""
        if not self._labelled:
            return None, None
        first, second = (self._correct / self._labelled).tolist()
        return first, second


def turns(rounds: int) -> Iterator[tuple[int, int]]:
    """
    Order two sides so that neither is favoured: `(0, 1)` and `(1, 0)` by turns.

    The first round is a warm-up, not to be counted: the side that begins it pays for what both
    need. A later one begins with the side that ended the round before, which its weights in the
    cache make quicker; over an even number of rounds both have that as often.

    A network against a copy of itself, medians of 100 comparisons of one row (2-core Xeon VM,
    2026-11-25): with side 0 first in each of five counted rounds it looked 1 to 5 % slower than
    its copy, by turns within 1 %.

    Args:
        rounds: Rounds to be counted, an even number.

    Yields:
        The order of `rounds + 1` rounds, the warm-up first.

    Raises:
        ValueError: If `rounds` is odd or below 2.
    """
    if rounds < 2 or rounds % 2:
        raise ValueError(f"rounds must be even, so that both sides go first alike; got {rounds}")
    for number in range(rounds + 1):
        yield (1, 0) if number % 2 else (0, 1)


@dataclass(frozen=True, slots=True)
class Speedup:
    """
    How many times as fast the first of two sides is as the second.

    Each round gives one ratio, of times taken right after each other: a machine that slows down
    slows both. The median is not moved by rounds that somebody else interrupted. All rounds count:
    the quickest alone are those in which the side that varies more was lucky.

    Attributes:
        median: Of the rounds' ratios, second over first; above 1 the first side is the faster.
        low: The ratios' lower quartile.
        high: Their upper quartile.
        first_s: Median seconds of the first side.
        second_s: Median seconds of the second side.
    """

    median: float
    low: float
    high: float
    first_s: float
    second_s: float

    @property
    def difference_seen(self) -> bool:
        """
        Whether the sides are further apart than the rounds are from each other.

        The quartiles' distance is the spread, the median's distance from 1 the difference, both as
        ratios. Where this is true, three rounds of four have found the same side faster.
        """
        return self.high / self.low < max(self.median, 1 / self.median)


def speedup(first_s: Sequence[float], second_s: Sequence[float]) -> Speedup:
    """
    Compare two sides' times, of at least two rounds.

    Args:
        first_s: Seconds of the first side, one for each round, above 0.
        second_s: Seconds of the second side in the same rounds.
    """
    ratios = [second / first for first, second in zip(first_s, second_s, strict=True)]
    low, _, high = quantiles(ratios, n=4, method="inclusive")
    return Speedup(median(ratios), low, high, median(first_s), median(second_s))
