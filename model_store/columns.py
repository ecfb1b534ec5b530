"""
What a network's numbers mean: named columns that become its input, and named targets.

A network takes `[n, i]` float32 and gives `[n, o]`. Where its manifest names columns, a row of
values in their own units, or of categories' names, becomes such an input; where it names targets,
its outputs are values in their units. Scaling of targets is part of the weights: what is served
needs no further step.

Imports neither PyTorch nor NumPy: listing a store takes less time than importing them.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from model_store.strict import Strict

LONGEST_NAME = 200
"""Characters of a column, a category or a class."""
Text = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Positive = Annotated[float, Field(gt=0)]
_MOST_SHOWN = 5


def _not_zero(scale: float) -> float:
    if scale == 0:
        raise ValueError("a scale must not be 0")
    return scale


NotZero = Annotated[float, AfterValidator(_not_zero)]


class NumberColumn(Strict):
    """
    A number: the network takes `(value - offset) / scale`.

    A scale below 0 turns an axis round: rows of a map run southwards, latitudes northwards.

    Attributes:
        unit: Of `value`, for people; None where it has none or nobody said.
        low: Smallest value that the network learnt from.
        high: Largest one.
    """

    type: Literal["number"] = "number"
    name: Text
    unit: Text | None = None
    offset: float = 0.0
    scale: NotZero = 1.0
    low: float | None = None
    high: float | None = None

    @property
    def width(self) -> int:
        return 1


class CategoryColumn(Strict):
    """One of several names: the network takes 1 in its place in `values`, 0 in all others."""

    type: Literal["category"] = "category"
    name: Text
    values: Annotated[list[Text], Field(min_length=1)]

    @property
    def width(self) -> int:
        return len(self.values)

    @cached_property
    def places(self) -> dict[str, int]:
        """Of each value its place in `values`."""
        return {value: place for place, value in enumerate(self.values)}

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        check_distinct(f"values of column {self.name!r}", self.values)
        return self


Column = Annotated[NumberColumn | CategoryColumn, Field(discriminator="type")]


class Target(Strict):
    """
    A number that a network predicts.

    Attributes:
        unit: Of the value, for people; None where it has none or nobody said.
        mean: Of the values that the network learnt from.
        deviation: Their standard deviation.
        tolerance: Two answers that differ by no more than this, in the value's unit, agree.
    """

    name: Text
    unit: Text | None = None
    mean: float
    deviation: Positive
    tolerance: Positive

    @property
    def label(self) -> str:
        """Name and unit, for people: `elevation in m`."""
        return self.name if self.unit is None else f"{self.name} in {self.unit}"


def shortened(names: Sequence[str]) -> str:
    """List names for people, the first ones where there are many."""
    more = len(names) - _MOST_SHOWN
    return ", ".join(names[:_MOST_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def check_distinct(what: str, names: Sequence[str]) -> None:
    """
    Refuse a name that comes twice.

    Raises:
        ValueError: Naming it.
    """
    for name, times in Counter(names).items():
        if times > 1:
            raise ValueError(f"{what} must differ, got {name!r} twice")
