import hashlib

import numpy as np
import pytest
import torch

from evaluation.errors import DatasetError
from evaluation.evaluate import CPU, hard_pass
from fff.backends import build_backend
from fff.weights import FFFWeights, Weights
from tests.training.toys import TOY, quarters
from training.errors import Diverged
from training.loop import Epoch, Fit, Kind, Task, fit, split
from training.recipe import Recipe

DATA = quarters(200, seed=1)


def trained(seed: int, kind: Kind = "fff", recipe: Recipe = TOY) -> Fit:
    return fit(Task("toy", kind, *split(DATA, 0.1, seed), 4), recipe, seed, lambda epoch: None)


def sha256(weights: Weights) -> str:
    content = b"".join(tensor.numpy().tobytes() for tensor in weights.tensors().values())
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("kind", ["fff", "dense"])
def test_a_seed_decides_every_bit(kind: Kind) -> None:
    once = sha256(trained(5, kind).weights)

    assert sha256(trained(5, kind).weights) == once
    assert sha256(trained(6, kind).weights) != once


def test_training_leaves_random_numbers_and_threads_as_they_were() -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    trained(5)

    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_a_tenth_is_held_out_by_the_seed_and_no_row_is_lost() -> None:
    fitted, held_out = split(DATA, 0.1, seed=1)
    of_another_seed = split(DATA, 0.1, seed=2)[1]

    assert (len(fitted), len(held_out)) == (180, 20)
    assert sorted(map(bytes, np.vstack((fitted.images, held_out.images)))) == sorted(
        map(bytes, DATA.images)
    )
    assert not np.array_equal(held_out.images, of_another_seed.images)


def test_one_row_cannot_be_split() -> None:
    with pytest.raises(DatasetError, match="at least 2 rows, got 1"):
        split(quarters(1, seed=0), 0.1, seed=0)


def test_the_weights_are_those_of_the_best_validated_epoch() -> None:
    """The kept accuracy is the highest of all epochs, and the returned weights have it."""
    epochs: list[Epoch] = []
    fitted, held_out = split(DATA, 0.3, seed=1)
    recipe = TOY.override({"epochs": 12, "patience": 12, "learning_rate": 0.1})
    result = fit(Task("toy", "fff", fitted, held_out, 4), recipe, 1, epochs.append)
    classes, _ = hard_pass(build_backend(result.weights, CPU), recipe.scaling, held_out.images)

    best = max(epoch.validation_accuracy for epoch in epochs)
    assert result.best.validation_accuracy == best
    assert (classes == held_out.labels).mean() == best
    assert result.best == [epoch for epoch in epochs if epoch.kept][-1]


def test_progress_is_called_with_every_epoch_that_was_trained() -> None:
    epochs: list[Epoch] = []
    recipe = TOY.override({"epochs": 50, "patience": 2, "learning_rate": 1e-8})
    result = fit(Task("toy", "fff", *split(DATA, 0.1, 0), 4), recipe, 0, epochs.append)

    assert [epoch.number for epoch in epochs] == [1, 2, 3]  # the first, and patience
    assert (result.epochs, result.best.number) == (3, 3)


@pytest.mark.parametrize("seed", range(3))
def test_load_balance_keeps_every_leaf_in_use_where_training_alone_abandons_some(
    seed: int,
) -> None:
    def leaves_used(load_balance: float) -> int:
        plain = TOY.override({"region_leak": 0, "leaf_dropout": 0, "master_width": 0})
        firm = {"hardening_ramp_epochs": 12, "epochs": 12, "load_balance": load_balance}
        recipe = plain.override(firm)
        weights = trained(seed, recipe=recipe).weights
        _, leaf = hard_pass(build_backend(weights, CPU), recipe.scaling, DATA.images)
        return len(np.unique(leaf))

    assert leaves_used(0) <= 2
    assert leaves_used(1) == 4


def test_hardening_makes_decisions_firm() -> None:
    soft, firm = (trained(0, recipe=TOY.override({"hardening": h})) for h in (0, 20))

    assert firm.best.hardening < soft.best.hardening


def test_depth_0_trains_as_one_plain_leaf() -> None:
    result = trained(0, recipe=TOY.override({"depth": 0, "master_width": 0}))

    assert isinstance(result.weights, FFFWeights)
    assert (result.weights.leaves, result.best.hardening) == (1, 0)


def test_a_loss_that_is_no_number_is_named_with_its_cause() -> None:
    loose = TOY.override({"optimiser": "sgd", "learning_rate": 10, "activation": "squared_relu"})
    recipe = loose.override({"uint8_scale": 1e6})

    with pytest.raises(
        Diverged, match=r"'toy' must stay a number, got nan .*lower learning_rate than 10"
    ):
        trained(0, recipe=recipe)
