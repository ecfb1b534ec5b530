"""Errors of values are scikit-learn's, in the target's unit; what does not fit is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from evaluation.errors import EvaluationError
from evaluation.regression import evaluate_regression
from evaluation.samples import Samples
from model_store.manifest import ImportOrigin
from model_store.store import Checkpoint, Store
from networks.reference import infer
from tests.fff.networks import tree

ORIGIN = ImportOrigin(format="efff", sha256="1" * 64)


def published(folder: Path, **fields: object) -> Checkpoint:
    store = Store(folder)
    store.publish("field", tree(2, 3, 4, 2), origin=ORIGIN, **fields)
    return store.load("field")


def targets(*names: str) -> list[dict[str, object]]:
    return [
        {"name": name, "unit": "m", "mean": 0.0, "deviation": 1.0, "tolerance": 0.1}
        for name in names
    ]


def samples(n: int = 100) -> Samples:
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(n, 2)), draw.normal(size=(n, 2))
    return Samples(x.astype(np.float32), y.astype(np.float32), "drawn")


def test_errors_are_those_that_scikit_learn_computes(tmp_path):
    checkpoint, data = published(tmp_path, targets=targets("u", "v")), samples()
    result = evaluate_regression(checkpoint, data)

    values = infer(torch.from_numpy(data.x), checkpoint.weights).logits.numpy()
    assert result.rmse == pytest.approx(root_mean_squared_error(data.y, values), rel=1e-5)
    assert result.mae == pytest.approx(mean_absolute_error(data.y, values), rel=1e-5)
    assert result.r2 == pytest.approx(r2_score(data.y, values), rel=1e-4)
    assert [(target.name, target.unit) for target in result.targets] == [("u", "m"), ("v", "m")]
    assert (result.rows, result.leaves) == (100, 8)
    assert sum(result.leaf_shares) == pytest.approx(1)


def test_a_classifier_and_rows_of_another_width_are_refused(tmp_path):
    with pytest.raises(EvaluationError, match="'field' is for classification"):
        evaluate_regression(published(tmp_path / "a"), samples())
    narrow = samples()
    with pytest.raises(EvaluationError, match="takes 2 and gives 2 numbers a row, .* has 1 and 2"):
        evaluate_regression(
            published(tmp_path / "b", targets=targets("u", "v")),
            Samples(narrow.x[:, :1].copy(), narrow.y, "narrow"),
        )
