"""A table's networks: each learns what it is shown, a tree's leaves what they alone see."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from evaluation.regression import computed
from evaluation.samples import Samples
from fff.weights import FFFWeights, Weights
from networks.backends import build_backend
from training.loop import repeatable
from training.table.fit import fit_table
from training.table.recipe import FAMILIES, TableRecipe

RECIPE = TableRecipe(
    "table", depth=2, leaf_width=4, master_width=4, hidden_width=16, epochs=10, batch_rows=64
)


def steps(n: int, seed: int) -> Samples:
    """A plane for each quarter of two inputs, around 1,000; the third input is of no account."""
    x = np.random.default_rng(seed).uniform(-1, 1, (n, 3)).astype(np.float32)
    quarter = (x[:, 0] > 0) * 2 + (x[:, 1] > 0)
    y = (
        1000
        + 500 * np.array([0, 3, -2, 1])[quarter]
        + 200 * x[:, 0] * np.array([1, -1, 2, 0])[quarter]
    )
    return Samples(x, y[:, None].astype(np.float32), "steps")


def quarters(n: int, seed: int) -> Samples:
    values = steps(n, seed)
    quarter = (values.x[:, 0] > 0) * 2 + (values.x[:, 1] > 0)
    return Samples(values.x, quarter.astype(np.int64), "quarters")


def fitted(
    recipe: TableRecipe, make: Callable[[int, int], Samples] = steps
) -> tuple[Weights, dict[str, float]]:
    with repeatable(0):
        return fit_table(make(3000, 0), make(300, 1), recipe, lambda *_: None)


def outputs(weights: Weights, data: Samples) -> np.ndarray:
    return computed(build_backend(weights, torch.device("cpu")), data.x)[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_learns_values_in_their_unit_and_classes(family):
    recipe = RECIPE.override({"family": family})
    values, classes = steps(500, 2), quarters(500, 2)

    # One hidden layer of 16 comes no nearer to jumps than half a deviation.
    missed = outputs(fitted(recipe)[0], values) - values.y
    right = outputs(fitted(recipe, quarters)[0], classes).argmax(1) == classes.y

    assert np.sqrt((missed**2).mean()) < 0.55 * values.y.std()
    assert right.mean() > 0.9


def test_a_tree_cuts_where_values_change_and_each_leaf_knows_its_part():
    weights, _ = fitted(RECIPE)
    assert isinstance(weights, FFFWeights)
    test = steps(500, 2)

    assert (weights.node_weight[:, 2] == 0).all()
    assert weights.node_bias.abs().max() < 0.01
    assert np.sqrt(((outputs(weights, test) - test.y) ** 2).mean()) < 100


def test_of_the_depths_tried_the_one_best_on_held_out_rows_is_kept():
    weights, known = fitted(RECIPE.override({"least_depth": 0, "epochs": 4}))
    assert isinstance(weights, FFFWeights)
    losses = {depth: known[f"validation_loss_at_depth_{depth}"] for depth in range(3)}

    assert weights.depth == min(losses, key=losses.__getitem__)
    assert losses[2] < losses[0]


def test_a_class_is_as_likely_as_it_is_said_to_be():
    """Labels that are right three times in four: no network may be surer than that."""

    def noisy(n: int, seed: int) -> Samples:
        rng = np.random.default_rng(seed)
        clean = quarters(n, seed)
        other = rng.integers(4, size=n)
        return Samples(clean.x, np.where(rng.random(n) < 2 / 3, clean.labels, other), "noisy")

    weights, known = fitted(RECIPE, noisy)
    sure = torch.softmax(torch.from_numpy(outputs(weights, noisy(1000, 2))), 1).amax(1)

    assert known["logit_temperature"] > 0
    assert float(sure.mean()) == pytest.approx(0.75, abs=0.06)
