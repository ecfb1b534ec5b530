"""The losses of importance and load: 0 where experts are used evenly, as the paper has them."""

import math

import pytest
import torch
from torch import Tensor

from fff.baselines import Mixture
from fff.expert_balance import importance_loss, load_loss, smooth_load
from tests.fff.networks import rows


def test_the_losses_are_zero_where_all_is_even_and_the_squared_variation_elsewhere() -> None:
    even = torch.eye(4).repeat(8, 1)  # every expert of a quarter of the rows
    one = torch.zeros(32, 4)
    one[:, 2] = 1.0

    for loss in (importance_loss, load_loss):
        assert loss(even) == 0
        assert loss(one).item() == pytest.approx(3)  # E - 1: variance 3/16, mean 1/4
        assert loss(torch.tensor([[1.0, 3.0]])).item() == pytest.approx(1 / 4)
        assert loss(torch.zeros(0, 4)) == 0


def probability(score: Tensor, noisy: Tensor, deviation: Tensor, e: int, k: int) -> float:
    """The paper's P(x, i): exceeding the k-th largest of the others by a normal number."""
    others = sorted((value for j, value in enumerate(noisy.tolist()) if j != e), reverse=True)
    z = (float(score[e]) - others[k - 1]) / float(deviation[e])
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


@pytest.mark.parametrize("k", [1, 2, 4])
def test_the_load_is_the_papers_probability(k: int) -> None:
    score, deviation = rows(20, 5, 1), rows(20, 5, 2).abs() + 0.1
    noisy = score + rows(20, 5, 3) * deviation

    load = smooth_load(score, noisy, deviation, k)

    expected = [
        [probability(*three, e, k) for e in range(5)]
        for three in zip(score, noisy, deviation, strict=True)
    ]
    torch.testing.assert_close(load, torch.tensor(expected))


def test_the_load_is_certain_where_all_experts_are_selected() -> None:
    assert torch.equal(Mixture(6, 4, 3, 2, 3).train().gated(rows(9, 6)).load, torch.ones(9, 3))
