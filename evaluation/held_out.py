"""
Which rows are the test part of data that come in one piece: the same ones everywhere.

The share is taken of every class by itself, so that the parts have the classes in the same
proportion, and a class's rows do not depend on how many the others have. Nothing here depends on a
training run's seed: what tests a network must not have trained another.
"""

import numpy as np
import numpy.typing as npt

from evaluation.dataset import Labels
from evaluation.errors import DatasetError

SHARE = 0.2
"""As scikit-learn's digits are split here; Keras' examples and most tutorials take it too."""


def held_out(
    labels: Labels, source: str, class_names: tuple[str, ...] | None = None
) -> npt.NDArray[np.bool_]:
    """
    Tell which rows are held out as test data, `[n]`: a fifth of each class, at least one row.

    Raises:
        DatasetError: If a class has less than two rows, one for either part.
    """
    chosen = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(rows) < 2:
            name = class_names[label] if class_names else label
            raise DatasetError(
                f"{source}: no test part is given, so a fifth of every class is held out; "
                f"class {name} needs at least 2 images for that, got 1"
            )
        # RandomState is numpy's frozen generator: the same rows with every version.
        order = np.random.RandomState(0).permutation(len(rows))
        chosen[rows[order[: max(1, round(SHARE * len(rows)))]]] = True
    return chosen
