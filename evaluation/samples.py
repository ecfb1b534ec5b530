"""
What a network learns from and is measured on, wherever it came from: its inputs, and their values
or classes.

Covered:      inputs and answers that belong together; what their numbers mean; their SHA-256.
Not covered:  where they come from (`evaluation.tables`); images, whose pixels a recipe scales
              (`evaluation.dataset`).
"""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from evaluation.errors import DatasetError
from model_store.columns import Column, Target
from model_store.manifest import Task

Inputs = npt.NDArray[np.float32]
Values = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
_ANSWERS = {(2, np.dtype(np.float32).str), (1, np.dtype(np.int64).str)}


@dataclass(frozen=True)  # no slots: the hash is kept once it is computed
class Samples:
    """
    Inputs with the values or the classes that belong to them.

    Attributes:
        x: What the network takes, `[n, i]`, float32, finite.
        y: Values in their own units, `[n, o]`, float32, finite: a regression. Or classes, `[n]`,
            int64, `>= 0`: a classification.
        name: For messages: a file name, or the name of the collection.
        inputs: Columns that make `x`, in order; None where its numbers have no names.
        targets: Of each column of `y` what value it is; None of classes, and where nobody said.
        classes: Name of class 0, 1, …; None of values, and where they have no names.
        class_column: Name of the column that classes were in; None where there was none.
    """

    x: Inputs
    y: Values | Labels
    name: str
    inputs: tuple[Column, ...] | None = None
    targets: tuple[Target, ...] | None = None
    classes: tuple[str, ...] | None = None
    class_column: str | None = None

    def __post_init__(self) -> None:
        if self.x.ndim != 2 or self.x.dtype != np.float32:
            raise self._expected("inputs must be [n, i] float32", _form(self.x))
        if (self.y.ndim, self.y.dtype.str) not in _ANSWERS:
            raise self._expected(
                "what belongs to inputs must be values [n, o] float32 or classes [n] int64",
                _form(self.y),
            )
        if len(self.x) != len(self.y):
            raise self._expected(
                "every row needs its values or its class",
                f"{len(self.x)} rows of inputs and {len(self.y)} of these",
            )
        if self.x.size == 0 or self.y.size == 0:
            raise self._expected(
                "at least one row of one number, and what belongs to it, is needed",
                f"inputs {list(self.x.shape)} and {list(self.y.shape)}",
            )
        self._check_finite("inputs", self.x)
        if self.task == "regression":
            self._check_finite("values", self.y)
        self._check_meaning()

    @property
    def task(self) -> Task:
        """`regression` of values, `classification` of classes."""
        return "regression" if self.y.ndim == 2 else "classification"

    @property
    def labels(self) -> Labels:
        """`y` of a classification, `[n]`."""
        return self.y.astype(np.int64, copy=False)

    @property
    def output_width(self) -> int:
        """Numbers that a network must give: values of a row, or classes there are."""
        if self.task == "regression":
            return int(self.y.shape[1])
        return int(self.y.max()) + 1 if self.classes is None else len(self.classes)

    def _check_finite(self, what: str, numbers: npt.NDArray[np.generic]) -> None:
        wrong = np.argwhere(~np.isfinite(numbers))
        if len(wrong):
            row, column = wrong[0]
            raise self._expected(
                f"{what} must be finite", f"{numbers[row, column]} in row {row}, column {column}"
            )

    def _check_meaning(self) -> None:
        if self.inputs is not None:
            width = sum(column.width for column in self.inputs)
            if width != self.x.shape[1]:
                raise self._expected(
                    f"columns that make {self.x.shape[1]} numbers are needed", f"some of {width}"
                )
        if self.task == "regression":
            self._check_values()
        else:
            self._check_classes()

    def _check_values(self) -> None:
        if self.classes is not None or self.class_column is not None:
            raise self._expected(
                "values have no classes", f"{len(self.classes or ())} names of classes"
            )
        if self.targets is not None and len(self.targets) != self.y.shape[1]:
            raise self._expected(
                f"a target for each of {self.y.shape[1]} values is needed", f"{len(self.targets)}"
            )

    def _check_classes(self) -> None:
        if self.targets is not None:
            raise self._expected("classes have no targets", f"{len(self.targets)} targets")
        if self.y.min() < 0:
            raise self._expected("classes must be >= 0", f"{self.y.min()}")
        if self.classes is not None and self.y.max() >= len(self.classes):
            raise self._expected(
                f"classes must be 0 to {len(self.classes) - 1}, one for each name",
                f"{self.y.max()}",
            )

    def _expected(self, expected: str, got: str) -> DatasetError:
        return DatasetError(f"{self.name}: {expected}, got {got}")

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_], name: str) -> Self:
        """Some of the rows, by number or by mask, with what else is known of them."""
        return replace(self, x=self.x[rows], y=self.y[rows], name=name)

    @cached_property
    def sha256(self) -> str:
        """
        Of shapes, inputs, and values or classes, in the order of the rows; names do not count.

        The same numbers give the same hash whatever they were read from.
        """
        digest = hashlib.sha256(repr([list(self.x.shape), list(self.y.shape)]).encode())
        digest.update(np.ascontiguousarray(self.x, "<f4").data)
        digest.update(np.ascontiguousarray(self.y, self.y.dtype.newbyteorder("<")).data)
        return digest.hexdigest()


def _form(numbers: npt.NDArray[np.generic]) -> str:
    return f"{list(numbers.shape)} {numbers.dtype}"
