import math

import pytest
import torch

from fff import reference
from fff.layers import FFF
from fff.objectives import hard_leaves, hardening, load_balance
from tests.fff.networks import rows, tree


def test_hardening_is_the_mean_entropy_of_the_decisions() -> None:
    scores = rows(20, 7).double()
    p = torch.sigmoid(scores)

    entropy = -p * p.log() - (1 - p) * (1 - p).log()

    torch.testing.assert_close(hardening(scores), entropy.mean())


def test_hardening_is_zero_where_nothing_is_decided() -> None:
    scores = FFF(6, 4, 0, 3).soft(rows(20, 6)).scores

    assert hardening(scores) == 0


def test_hardening_is_largest_at_a_tie_and_finite_at_any_score() -> None:
    assert float(hardening(torch.zeros(5, 3))) == pytest.approx(math.log(2))

    firm = torch.tensor([[-1e4, 1e4]], requires_grad=True)
    hardening(firm).backward()
    assert float(hardening(firm.detach())) == 0
    assert firm.grad is not None
    assert firm.grad.isfinite().all()


@pytest.mark.parametrize("d", [0, 1, 4])
def test_hard_leaves_are_the_references(d: int) -> None:
    x, w = rows(200, 6), tree(6, d, 2, 3)

    leaf = hard_leaves(FFF.from_weights(w).soft(x).scores)

    assert torch.equal(leaf, reference.route(x, w)[0])


def test_hard_leaves_send_ties_right() -> None:
    assert hard_leaves(torch.zeros(2, 7)).tolist() == [7, 7]


def test_load_balance_is_one_when_balanced_and_the_leaves_when_collapsed() -> None:
    balanced = torch.full((8, 4), 0.25)
    collapsed = torch.eye(4)[torch.full((8,), 2)]

    assert load_balance(balanced, torch.arange(8) % 4) == 1
    assert load_balance(collapsed, torch.full((8,), 2)) == 4


def test_load_balance_counts_the_rows_there_are() -> None:
    """A short last batch weighs like a full one: repeating rows changes nothing."""
    mixture, leaf = rows(6, 4).softmax(1), torch.tensor([0, 1, 1, 3, 2, 1])

    once = load_balance(mixture, leaf)

    torch.testing.assert_close(load_balance(mixture.repeat(5, 1), leaf.repeat(5)), once)


def test_load_balance_moves_shares_away_from_crowded_leaves() -> None:
    mixture = torch.full((4, 2), 0.5, requires_grad=True)

    load_balance(mixture, torch.tensor([1, 1, 1, 0])).backward()

    assert mixture.grad is not None
    assert (mixture.grad[:, 1] > mixture.grad[:, 0]).all()
