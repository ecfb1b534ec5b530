"""
Gradient-boosted trees by scikit-learn, histograms as LightGBM has them: whom a table's user would
take.

Covered:      training on what a network's training gets, with the columns of categories as such.
Not covered:  serving them; a search for their settings.
"""

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.samples import Inputs, Samples
from model_store.columns import CategoryColumn, Column
from model_store.manifest import Task

MOST_ROUNDS = 1000
"""So many that stopping early decides; scikit-learn's own, 100, is too few for 26 classes."""
_MOST_CATEGORIES = 255
"""scikit-learn takes no more of one column; one of more is given as the network is."""


@dataclass(frozen=True, slots=True)
class Booster:
    """
    A trained booster.

    Attributes:
        model: scikit-learn's.
        inputs: Columns that its rows were made of, or None.
        task: `regression` or `classification`.
        classes: How many there are, of which the model may know some alone; of values 1.
    """

    model: Any
    inputs: tuple[Column, ...] | None
    task: Task
    classes: int

    @property
    def rounds(self) -> int:
        """Trees of each value or class."""
        return int(self.model.n_iter_)

    @property
    def held_out_score(self) -> float:
        """Of the rows that said when to stop: the higher, the better."""
        return float(self.model.validation_score_[-1])

    @property
    def bytes(self) -> int:
        """Of the nodes of all trees."""
        trees = chain.from_iterable(
            self.model._predictors
        )  # scikit-learn has no public word for it
        return sum(tree.nodes.nbytes for tree in trees)

    def rows(self, x: Inputs) -> npt.NDArray[np.float32]:
        """What the model takes, of what a network takes, `[n, i]`."""
        return _as_columns(x, self.inputs)[0]

    def outputs(self, x: Inputs) -> npt.NDArray[np.float64]:
        """Values, `[n, 1]`, or probabilities of the classes, `[n, o]`, of a network's rows."""
        rows = self.rows(x)
        if self.task == "regression":
            values: npt.NDArray[np.float64] = self.model.predict(rows)[:, None]
            return values
        outputs = np.zeros((len(x), self.classes))
        outputs[:, self.model.classes_] = self.model.predict_proba(rows)
        return outputs


def fit_booster(train: Samples, validation_share: float, seed: int, **settings: Any) -> Booster:
    """
    Train a booster.

    Args:
        train: Rows to learn from, with one value each, or classes.
        validation_share: Share of them that says when to stop.
        seed: Of which rows these are.
        settings: Others of scikit-learn's than its own.

    Raises:
        ImportError: If scikit-learn, of the extra `train`, is missing.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    rows, categories = _as_columns(train.x, train.inputs)
    kind, y = (
        (HistGradientBoostingRegressor, train.y[:, 0])
        if train.task == "regression"
        else (HistGradientBoostingClassifier, train.labels)
    )
    model = kind(
        max_iter=MOST_ROUNDS,
        early_stopping=True,
        validation_fraction=validation_share,
        random_state=seed,
        categorical_features=categories,
        **settings,
    )
    return Booster(model.fit(rows, y), train.inputs, train.task, train.output_width)


def _as_columns(
    x: Inputs, inputs: tuple[Column, ...] | None
) -> tuple[npt.NDArray[np.float32], list[bool]]:
    """Rows with a number for each category, and which columns are such."""
    if inputs is None:
        return x, [False] * x.shape[1]
    parts: list[npt.NDArray[np.float32]] = []
    categories: list[bool] = []
    start = 0
    for column in inputs:
        part = x[:, start : start + column.width]
        start += column.width
        one = isinstance(column, CategoryColumn) and column.width <= _MOST_CATEGORIES
        parts.append(part.argmax(1)[:, None].astype(np.float32) if one else part)
        categories += [one] if one else [False] * column.width
    return np.concatenate(parts, 1), categories
