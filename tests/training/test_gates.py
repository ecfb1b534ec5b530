"""Every gate shares a row out, and hardens to the decision that is served."""

import pytest
import torch
from torch import Tensor

from fff.mixing import mix_by_decisions
from fff.objectives import hard_leaves
from training.gates import GATES, Gate

EACH_GATE = pytest.mark.parametrize("gate", GATES.values(), ids=GATES)
DEPTHS = pytest.mark.parametrize("depth", [0, 1, 3, 6])


def scores(depth: int, rows: int = 500) -> Tensor:
    generator = torch.Generator().manual_seed(depth)
    return 3 * torch.randn(rows, 2**depth - 1, generator=generator)


@EACH_GATE
@DEPTHS
@pytest.mark.parametrize("temperature", [2.0, 0.1])
def test_shares_of_a_row_sum_to_1(gate: Gate, depth: int, temperature: float) -> None:
    shares = gate(scores(depth), temperature).exp()

    assert shares.shape == (500, 2**depth)
    torch.testing.assert_close(shares.sum(1), torch.ones(500))


@EACH_GATE
@DEPTHS
def test_cold_shares_are_the_hard_decision(gate: Gate, depth: int) -> None:
    far = scores(depth)
    far = far + far.sign()  # no row near a boundary
    shares = gate(far, 0.01).exp()

    assert torch.equal(shares.argmax(1), hard_leaves(far))
    torch.testing.assert_close(shares.amax(1), torch.ones(500))


@DEPTHS
@pytest.mark.parametrize("temperature", [10.0, 0.1])
def test_the_largest_share_by_violation_is_the_hard_leaf_s_at_any_temperature(
    depth: int, temperature: float
) -> None:
    shares = GATES["path_violation"](scores(depth), temperature)

    assert torch.equal(shares.argmax(1), hard_leaves(scores(depth)))


def test_the_largest_product_of_decisions_need_not_be_the_hard_leaf_s() -> None:
    shares = GATES["sigmoid"](scores(6), 1.0)

    assert 0.3 < (shares.argmax(1) == hard_leaves(scores(6))).float().mean() < 0.95


@DEPTHS
def test_the_sigmoid_gate_is_the_papers_mixture(depth: int) -> None:
    expected = mix_by_decisions(torch.sigmoid(scores(depth)))

    torch.testing.assert_close(GATES["sigmoid"](scores(depth), 1.0).exp(), expected)


@EACH_GATE
def test_no_gradient_is_lost_or_infinite_where_a_decision_is_certain(gate: Gate) -> None:
    certain = (100 * scores(3)).requires_grad_()
    (gate(certain, 0.03).exp() * torch.arange(8.0)).sum().backward()

    assert certain.grad is not None
    assert certain.grad.isfinite().all()
