import hashlib

import numpy as np
import pytest
import torch

from evaluation.calibration import fit_temperature
from evaluation.errors import DatasetError
from evaluation.evaluate import CPU, hard_logits, hard_pass
from fff.backends import build_backend
from fff.weights import FFFWeights, Weights
from tests.training.toys import TOY, quarters, task_of, trained
from training.epoch import Epoch
from training.errors import Diverged
from training.loop import fit, split
from training.ranges import FAMILIES

DATA = quarters(200, seed=1)


def sha256(weights: Weights) -> str:
    content = b"".join(tensor.numpy().tobytes() for tensor in weights.tensors().values())
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_seed_decides_every_bit(family: str) -> None:
    recipe = TOY.override({"family": family})
    once = sha256(trained(DATA, recipe, 5).weights)

    assert sha256(trained(DATA, recipe, 5).weights) == once
    assert sha256(trained(DATA, recipe, 6).weights) != once


def test_training_leaves_random_numbers_and_threads_as_they_were() -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    trained(DATA, TOY, 5)

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
    recipe = TOY.override(
        {"epochs": 12, "patience": 12, "learning_rate": 0.1, "validation_share": 0.3}
    )
    held_out = split(DATA, 0.3, seed=1)[1]
    result = fit(task_of(DATA, recipe, 1), recipe, 1, epochs.append)
    classes, _ = hard_pass(build_backend(result.weights, CPU), recipe.scaling, held_out.images)

    best = max(epoch.validation_accuracy for epoch in epochs)
    assert result.best.validation_accuracy == best
    assert (classes == held_out.labels).mean() == best
    assert result.best == [epoch for epoch in epochs if epoch.kept][-1]


def test_progress_is_called_with_every_epoch_that_was_trained() -> None:
    epochs: list[Epoch] = []
    recipe = TOY.override({"epochs": 50, "patience": 2, "learning_rate": 1e-8})
    result = fit(task_of(DATA, recipe, 0), recipe, 0, epochs.append)

    assert [epoch.number for epoch in epochs] == [1, 2, 3]  # the first, and patience
    assert result.epochs == epochs
    assert result.best.number == 3


@pytest.mark.parametrize("seed", range(3))
def test_load_balance_keeps_every_leaf_in_use_where_training_alone_abandons_some(
    seed: int,
) -> None:
    def leaves_used(load_balance: float) -> int:
        plain = TOY.override({"region_leak": 0, "leaf_dropout": 0, "master_width": 0})
        firm = {"hardening_ramp_epochs": 12, "epochs": 12, "load_balance": load_balance}
        recipe = plain.override(firm)
        weights = trained(DATA, recipe, seed).weights
        _, leaf = hard_pass(build_backend(weights, CPU), recipe.scaling, DATA.images)
        return len(np.unique(leaf))

    assert leaves_used(0) <= 2
    assert leaves_used(1) == 4


def test_hardening_makes_decisions_firm() -> None:
    soft, firm = (trained(DATA, TOY.override({"hardening": h}), 0) for h in (0, 20))

    assert firm.best.hardening < soft.best.hardening


def test_no_temperature_makes_the_validation_rows_likelier() -> None:
    recipe = TOY.override({"validation_share": 0.3})
    result, held_out = trained(DATA, recipe, 0), split(DATA, 0.3, 0)[1]
    logits, _ = hard_logits(build_backend(result.weights, CPU), recipe.scaling, held_out.images)

    assert result.temperature != 1
    assert fit_temperature(logits, held_out.labels) == pytest.approx(1, rel=1e-3)


def test_depth_0_trains_as_one_plain_leaf() -> None:
    result = trained(DATA, TOY.override({"depth": 0, "master_width": 0}), 0)

    assert isinstance(result.weights, FFFWeights)
    assert (result.weights.leaves, result.best.hardening) == (1, 0)


def test_a_loss_that_is_no_number_is_named_with_its_cause() -> None:
    loose = TOY.override({"optimiser": "sgd", "learning_rate": 10, "activation": "squared_relu"})
    recipe = loose.override({"uint8_scale": 1e6})

    with pytest.raises(
        Diverged, match=r"'toy' must stay a number, got nan .*lower learning_rate than 10"
    ):
        trained(DATA, recipe, 0)
