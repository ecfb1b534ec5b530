"""A field's network: it follows the field, the same each time, at the depth that does best."""

import numpy as np
import pytest
import torch

from evaluation.samples import Inputs, Samples
from fff.weights import FFFWeights
from networks.backends import build_backend
from tests.training.field.surfaces import rows, samples, waves
from training.field.continuity import jumps
from training.field.fit import fit_field
from training.field.recipe import FieldRecipe
from training.loop import repeatable

RECIPE = FieldRecipe("field", depth=5, leaf_width=4)


def fitted(recipe: FieldRecipe = RECIPE, data: Samples | None = None) -> list[FFFWeights]:
    data = data or samples(3000)
    held_out = np.arange(len(data)) < len(data) // 15
    parts = data.take(~held_out, "fitted"), data.take(held_out, "held out")
    with repeatable(0):
        trees = fit_field(*parts, recipe, 0, lambda *_: None)
    return [tree.weights for tree in trees]


def values(weights: FFFWeights, x: Inputs) -> Inputs:
    return build_backend(weights, torch.device("cpu")).infer(torch.from_numpy(x)).logits.numpy()


def rmse(weights: FFFWeights, n: int = 500, inputs: int = 2) -> float:
    x = rows(n, inputs, seed=9)
    return float(np.sqrt(((values(weights, x) - waves(x)) ** 2).mean()))


def test_a_tree_follows_a_field_that_one_leaf_cannot():
    (tree,) = fitted()
    (leaf,) = fitted(RECIPE.override({"depth": 0}))

    assert (tree.depth, leaf.depth) == (5, 0)
    assert rmse(tree) < 10 < 20 < rmse(leaf)  # of a deviation of about 50


@pytest.mark.parametrize("splits", ["principal", "two_means", "error"])
def test_every_way_of_cutting_follows_it(splits):
    assert rmse(fitted(RECIPE.override({"splits": splits}))[0]) < 12


def test_the_same_recipe_data_and_seed_give_the_same_bits():
    first, second = (fitted()[0].tensors() for _ in range(2))

    assert all(torch.equal(first[name], second[name]) for name in first)


def test_several_values_and_more_inputs_are_learnt_at_once():
    x = rows(4000, 3)
    both = np.concatenate((waves(x), 1000 - 2 * waves(x)), 1)
    (tree,) = fitted(RECIPE.override({"depth": 6}), Samples(x, both, "two"))

    at = rows(500, 3, seed=9)
    found = values(tree, at)
    assert tree.output_width == 2
    assert np.sqrt(((found[:, :1] - waves(at)) ** 2).mean()) < 20
    assert np.abs(found[:, 1] - (1000 - 2 * found[:, 0])).mean() < 20


def test_depths_from_the_least_on_are_tried():
    trees = fitted(RECIPE.override({"least_depth": 3, "depth": 5}))

    assert [tree.depth for tree in trees] == [3, 4, 5]


def test_a_flat_field_is_flat():
    x = rows(300)
    (tree,) = fitted(RECIPE, Samples(x, np.full((300, 1), 7.0, np.float32), "flat"))

    assert np.allclose(values(tree, x), 7, atol=1e-3)


def test_where_rows_are_few_the_tree_is_less_deep_and_still_answers():
    x = rows(40)
    (tree,) = fitted(RECIPE.override({"depth": 8, "least_rows": 8}), Samples(x, waves(x), "few"))

    result = build_backend(tree, torch.device("cpu")).infer(torch.from_numpy(rows(500, seed=3)))
    assert len(result.leaf.unique()) <= 5
    assert result.logits.isfinite().all()


def test_leaves_that_learn_their_neighbours_rows_jump_less_at_borders():
    x = torch.from_numpy(rows(2000, seed=4))
    (alone,) = fitted(RECIPE.override({"overlap": 0.0}))
    (together,) = fitted(RECIPE.override({"overlap": 0.6, "overlap_weight": 1.0}))

    assert 0 < jumps(together, x).mean.item() < jumps(alone, x).mean.item()
    (leaf,) = fitted(RECIPE.override({"depth": 0}))
    assert jumps(leaf, x).largest.item() == 0


def test_a_jump_is_what_two_leaves_differ_by_at_their_border():
    """Two leaves that answer 1 and 4 whatever the row."""
    tree = FFFWeights(
        torch.tensor([[0.0, 2.0]]),
        torch.tensor([-1.0]),
        torch.zeros(2, 2, 1),
        torch.zeros(2, 1),
        torch.zeros(2, 1, 1),
        torch.tensor([[1.0], [4.0]]),
        "relu",
    )
    found = jumps(tree, torch.from_numpy(rows(100)))

    assert (found.largest.item(), found.mean.item()) == (3, 3)
