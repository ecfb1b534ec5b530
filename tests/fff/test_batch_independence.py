"""
The leaf of a row is a property of the row and the model: no batch, position or neighbour moves it.

The rows are made hard: scores of exactly 0, one ulp to either side, sums that cancel, and
magnitudes at which float32 products or squares under- or overflow.
"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from fff import reference
from fff.backends import Backend
from fff.weights import FFFWeights
from networks.backends import build_backend
from tests.fff.networks import rows, tree

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def near_ties() -> tuple[Tensor, FFFWeights]:
    """Rows whose root score is 0 to within an ulp of its bias, as float32 would sum it."""
    x, w = rows(96, 50), tree(50, 3, 2, 3)
    w.node_bias[0] = -(x[0] @ w.node_weight[0])
    x[:] = x[0]
    x[32:64, 0] = torch.nextafter(x[0, 0], torch.tensor(torch.inf))
    x[64:, 0] = torch.nextafter(x[0, 0], torch.tensor(-torch.inf))
    return x, w


def cancelling() -> tuple[Tensor, FFFWeights]:
    """Terms of 1e8 that cancel to a few units, which float32 sums get wrong by order alone."""
    x, w = rows(96, 50), tree(50, 3, 2, 3)
    w.node_weight[:, :40] = 1.0
    x[:, :20] *= 1e8
    x[:, 20:40] = -x[:, :20].flip(1)
    return x, w


def scaled(factor: float) -> tuple[Tensor, FFFWeights]:
    """Rows and nodes of one magnitude; biases that matter beside them."""
    x, w = rows(96, 50) * factor, tree(50, 3, 2, 3)
    w.node_weight.mul_(factor)
    w.node_bias.mul_(min(factor * factor, 1e38))
    return x, w


def overflowing() -> tuple[Tensor, FFFWeights]:
    """One product just beyond float32, outweighed by 16 small ones: inf has the wrong sign."""
    x, w = torch.full((8, 17), 1e19), tree(17, 1, 2, 3)
    w.node_weight.fill_(-2.25e18)  # products of -2.25e37, together -3.6e38
    w.node_weight[:, 0] = 3.5e19  # a product of 3.5e38; the largest float32 is 3.403e38
    return x, w


HARD = {
    "plain": lambda: (rows(96, 50), tree(50, 3, 2, 3, 4)),
    "near-ties": near_ties,
    "cancelling": cancelling,
    "squares-underflow": lambda: scaled(1e-25),
    "products-overflow": lambda: scaled(1e25),
    "sum-overflows": overflowing,
}


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=CUDA)])
def device(request: pytest.FixtureRequest) -> torch.device:
    return torch.device(request.param)


@pytest.mark.parametrize("case", HARD)
def test_a_backend_takes_the_references_leaf_alone_and_in_any_batch(
    case: str, device: torch.device
) -> None:
    x, w = HARD[case]()
    backend = build_backend(w, device)
    true, _ = reference.route(x, w)

    assert backend.infer(x).leaf[:, 0].tolist() == true.tolist()
    assert [int(backend.infer(row[None]).leaf) for row in x] == true.tolist()
    for n in (2, 31):
        assert backend.infer(x[:n]).leaf[:, 0].tolist() == true[:n].tolist()


@pytest.mark.parametrize("case", ["near-ties", "cancelling", "sum-overflows"])
def test_the_hard_rows_are_hard(case: str) -> None:
    """Plain float32 sends some of them elsewhere; otherwise the test above would test nothing."""
    x, w = HARD[case]()
    exact = (x.double() @ w.node_weight[0].double() + w.node_bias[0].double()) >= 0

    terms = x * w.node_weight[0]
    orders = [terms[:, torch.randperm(x.shape[1])].sum(-1) for _ in range(20)]

    assert any(((s + w.node_bias[0] >= 0) != exact).any() for s in orders)


@given(st.lists(st.integers(0, 95), min_size=1, max_size=40))
def test_a_leaf_survives_permutation_and_repetition(positions: list[int]) -> None:
    x, backend, true = prepared()

    assert backend.infer(x[positions]).leaf[:, 0].tolist() == true[positions].tolist()


def prepared() -> tuple[Tensor, Backend, Tensor]:
    x, w = cancelling()
    return x, build_backend(w, torch.device("cpu")), reference.route(x, w)[0]


@pytest.mark.parametrize("poison", [torch.nan, torch.inf, -torch.inf])
def test_a_neighbour_that_is_not_finite_changes_no_other_row(poison: float) -> None:
    x, w = rows(20, 50), tree(50, 3, 2, 3, 4)
    backend = build_backend(w, torch.device("cpu"))
    clean = backend.infer(x)
    x[7] = poison

    answer = backend.infer(x)

    others = torch.arange(20) != 7
    assert torch.equal(answer.leaf[others], clean.leaf[others])
    torch.testing.assert_close(answer.logits[others], clean.logits[others])
