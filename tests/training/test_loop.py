import hashlib

import numpy as np
import pytest
import torch
from torch import Tensor

from evaluation.calibration import fit_temperature
from evaluation.errors import DatasetError
from evaluation.evaluate import CPU, hard_logits, hard_pass
from fff.weights import FFFWeights, Weights
from networks.backends import build_backend
from tests.training.toys import OURS, TOY, quarters, task_of, trained
from training import loop
from training.epoch import Epoch
from training.errors import Diverged
from training.learners import Learner
from training.loop import Task, fit, split
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


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Tensor]]:
    """Every network that a fit judged, one after each epoch, and last what it gives."""
    networks: list[dict[str, Tensor]] = []
    real = loop._served

    def spied(task: Task, learner: Learner) -> Weights:
        weights = real(task, learner)
        networks.append({name: t.clone() for name, t in weights.tensors().items()})
        return weights

    monkeypatch.setattr(loop, "_served", spied)
    return networks


def test_one_cycle_gives_its_last_epoch_however_good_an_earlier_one_was(
    monkeypatch: pytest.MonkeyPatch, served: list[dict[str, Tensor]]
) -> None:
    falling = iter(range(100, 0, -1))
    monkeypatch.setattr(loop, "accuracy", lambda classes, labels: next(falling) / 100)

    result = trained(DATA, OURS, 0)

    assert [epoch.number for epoch in result.epochs if epoch.kept] == [OURS.epochs]
    assert result.best == result.epochs[-1]
    *_, before, last, given = served
    assert len(served) == OURS.epochs + 1
    assert all(torch.equal(last[name], given[name]) for name in last)
    assert not torch.equal(before["w1"], last["w1"])


@pytest.mark.parametrize("depth", [2, 5])  # on either side of `FETCHED_LEAVES`
def test_routers_stand_still_through_the_frozen_epochs_and_leaves_do_not(
    depth: int, served: list[dict[str, Tensor]]
) -> None:
    recipe = OURS.override({"depth": depth, "frozen_share": 0.25, "weight_decay": 0.1})
    trained(DATA, recipe, 0)

    before, *frozen = served[8:12]  # epochs 9, the last that learns to route, to 12
    assert not torch.equal(served[7]["node_weight"], before["node_weight"])
    for name in ("node_weight", "node_bias"):
        assert all(torch.equal(network[name], before[name]) for network in frozen)
    assert not torch.equal(frozen[0]["w1"], frozen[1]["w1"])


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
