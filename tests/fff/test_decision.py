"""The routing decision against exact arithmetic, where floating point is at its worst."""

import math
import random
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from fff.decision import canonical_score, error_bound, goes_right

# Anything that float32 holds: subnormal, huge, both zeros.
VALUES = st.floats(width=32, allow_nan=False, allow_infinity=False)
# Products and biases of one size, so that sums cancel down to their last bits.
CANCELLING = st.sampled_from([1e8, -1e8, 1.0, -1.0, 0.1, -0.1, 3e7, -3e7, 2.0**-20, 0.0, -0.0])
PAIRS = st.lists(st.tuples(VALUES, VALUES) | st.tuples(CANCELLING, CANCELLING), min_size=1)


def columns(pairs: list[tuple[float, float]]) -> tuple[Tensor, Tensor]:
    x, w = torch.tensor(pairs, dtype=torch.float32).T
    return x[None].contiguous(), w[None].contiguous()


def exact_score(x: Tensor, w: Tensor, bias: float) -> tuple[Fraction, Fraction]:
    """The true sum, and the sum of its terms' sizes."""
    terms = [Fraction(a) * Fraction(b) for a, b in zip(x[0].tolist(), w[0].tolist(), strict=True)]
    return sum(terms) + Fraction(bias), sum(map(abs, terms)) + abs(Fraction(bias))


@given(PAIRS, VALUES | CANCELLING)
def test_the_canonical_score_is_exact_to_float64(
    pairs: list[tuple[float, float]], bias: float
) -> None:
    x, w = columns(pairs)
    b = torch.tensor([bias], dtype=torch.float32)
    true, size = exact_score(x, w, float(b))

    score = canonical_score(x, w, b)

    assert abs(Fraction(float(score)) - true) <= size * Fraction(len(pairs) + 1, 2**53)


def float32_score(x: Tensor, w: Tensor, bias: Tensor) -> Tensor:
    """Added one by one, first to last."""
    score = torch.zeros(1)
    for product in (x * w)[0]:
        score = score + product
    return score + bias


def bound_of(x: Tensor, w: Tensor, bias: Tensor) -> float:
    return float(error_bound(x.shape[1], x.double().norm(dim=-1), w.double().norm(dim=-1), bias))


@given(PAIRS, VALUES | CANCELLING, st.randoms(use_true_random=False))
def test_a_float32_score_errs_by_less_than_the_bound(
    pairs: list[tuple[float, float]], bias: float, dice: random.Random
) -> None:
    """In any order of the additions; so beyond the bound its sign is that of the truth."""
    dice.shuffle(pairs)
    x, w = columns(pairs)
    b = torch.tensor([bias], dtype=torch.float32)
    true, _ = exact_score(x, w, float(b))

    score, bound = float(float32_score(x, w, b)), bound_of(x, w, b)

    if math.isfinite(score):  # an overflow has no error to bound; backends score it again
        assert abs(Fraction(score) - true) < bound
        assert abs(score) <= bound or (score > 0) == (float(canonical_score(x, w, b)) > 0)


@pytest.mark.parametrize("small", [2.0**-24, -(2.0**-25)])
@pytest.mark.parametrize("i", [10, 1000])
def test_the_bound_covers_sums_that_lose_every_small_term(i: int, small: float) -> None:
    """One large term first, and each later one rounded away: the worst that an order can do."""
    x = torch.full((1, i), small)
    x[0, 0] = 1.0
    w, b = torch.ones(1, i), torch.zeros(1)

    score = float32_score(x, w, b)

    assert score == 1.0
    assert abs(1 - exact_score(x, w, 0.0)[0]) < bound_of(x, w, b)


def test_the_bound_covers_products_that_underflow() -> None:
    x, w, b = torch.full((1, 100), 1e-30), torch.full((1, 100), 1e-30), torch.zeros(1)

    assert float32_score(x, w, b) == 0  # float32 lost the whole sum
    assert exact_score(x, w, 0.0)[0] < bound_of(x, w, b)


def test_the_canonical_score_of_a_row_does_not_depend_on_its_batch() -> None:
    g = torch.Generator().manual_seed(0)
    x, w = torch.randn(65, 123, generator=g), torch.randn(65, 123, generator=g)
    b = torch.randn(65, generator=g)

    together = canonical_score(x, w, b)
    alone = [canonical_score(x[r : r + 1], w[r : r + 1], b[r : r + 1]) for r in range(65)]

    assert torch.equal(together, torch.cat(alone))


def test_a_score_of_zero_goes_right_by_ge_and_left_by_gt() -> None:
    zeros = torch.tensor([0.0, -0.0])

    assert goes_right(zeros, "ge").all()
    assert not goes_right(zeros, "gt").any()


def test_a_score_that_is_not_a_number_goes_left() -> None:
    nan = torch.tensor([torch.nan])

    assert not goes_right(nan, "ge").any()
    assert not goes_right(nan, "gt").any()
