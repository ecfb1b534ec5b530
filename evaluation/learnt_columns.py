"""
What a network's numbers mean, learnt from the data that it learns from.

Covered:      columns of numbers and of categories; a target; names of classes.
Not covered:  encoding by them (`model_store.encoding`), reading data (`evaluation.table_file`).
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from evaluation.errors import DatasetError
from model_store.columns import LONGEST_NAME, CategoryColumn, NumberColumn, Target

MOST_CATEGORIES = 1000
"""Of one column: each is a number that the network takes."""
_TOLERANCE = 1 / 20
"""Of a target's deviation: as close as this, two answers agree."""

Numbers = npt.NDArray[np.float64]


def learn_number(name: str, values: Numbers) -> NumberColumn:
    """
    Learn how a column is scaled: to mean 0 and deviation 1, or to 0 where it is constant.

    Args:
        name: Of the column.
        values: Of the training rows, `[n]`, at least one.

    Raises:
        DatasetError: Values that are infinite, or too far apart to be scaled.
    """
    low, high, mean, deviation = _spread(name, values)
    offset, scale = (low, 1.0) if low == high else (mean, deviation)
    return NumberColumn(name=name, offset=offset, scale=scale, low=low, high=high)


def learn_target(name: str, values: Numbers) -> Target:
    """
    Learn what is usual of a value that is to be predicted.

    Args:
        name: Of the target.
        values: Of the training rows, `[n]`, at least one.

    Raises:
        DatasetError: Values that are all the same, infinite, or too far apart.
    """
    low, high, mean, deviation = _spread(name, values)
    if low == high:
        raise DatasetError(f"target {name!r}: values that differ were expected, all are {low:g}")
    return Target(name=name, mean=mean, deviation=deviation, tolerance=deviation * _TOLERANCE)


def learn_category(name: str, values: Iterable[str]) -> CategoryColumn:
    """
    Learn which values a column of categories has: those of all rows, sorted.

    Raises:
        DatasetError: More than `MOST_CATEGORIES`, or one that is too long to be a name.
    """
    return CategoryColumn(name=name, values=_names(name, values))


def learn_classes(name: str, values: Iterable[str]) -> tuple[str, ...]:
    """
    Learn the names of classes: those of all rows, sorted.

    Raises:
        DatasetError: Less than two, more than `MOST_CATEGORIES`, or one that is no name.
    """
    names = _names(name, values)
    if len(names) < 2:
        raise DatasetError(
            f"target {name!r}: at least 2 classes were expected, all are {names[0]!r}"
        )
    return tuple(names)


def _spread(name: str, values: Numbers) -> tuple[float, float, float, float]:
    """Lowest and highest value, mean, standard deviation."""
    low, high = float(values.min()), float(values.max())
    if low == high and math.isfinite(low):
        return low, high, low, 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # becomes what is refused below
        mean, deviation = float(values.mean()), float(values.std())
    if not (math.isfinite(mean) and math.isfinite(deviation) and deviation > 0):
        raise DatasetError(
            f"column {name!r}: finite numbers were expected whose deviation is one too, got "
            f"{low:g} to {high:g}"
        )
    return low, high, mean, deviation


def _names(name: str, values: Iterable[str]) -> list[str]:
    names = {*values}
    if len(names) > MOST_CATEGORIES:
        some = ", ".join(map(repr, sorted(names)[:3]))
        raise DatasetError(
            f"column {name!r}: at most {MOST_CATEGORIES:,} categories were expected, got "
            f"{len(names):,} different texts ({some}, …): leave it out if it names rows"
        )
    longest = max(names, key=len)
    if len(longest) > LONGEST_NAME:
        raise DatasetError(
            f"column {name!r}: a category's name has at most {LONGEST_NAME} characters, got "
            f"{len(longest):,}: {longest[:40]!r}…"
        )
    return _in_order([*names])


def _in_order(names: Sequence[str]) -> list[str]:
    """Sort names: whole numbers by their size, texts by their letters."""
    try:
        return sorted(names, key=lambda name: (int(name), name))
    except ValueError:
        return sorted(names)
