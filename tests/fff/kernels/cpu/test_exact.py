"""
The decision against exact sums: of integers, and by `math.fsum`, which rounds once.

The contract is the sign of the canonical float64 sum. Where that sum is exact, and wherever the
float32 screen takes a decision by itself, it is the sign of the truth.
"""

import math
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from fff.decision import canonical_score, error_bound
from fff.weights import TieRule
from tests.fff.kernels.cpu.test_ties import (
    BACKENDS,
    DEPTH,
    FAMILIES,
    MANY,
    NODES,
    PAIRS,
    ROWS,
    TIES,
    Array,
    Case,
    family,
    halved,
    in_canonical_order,
    leaves,
    scaled,
    walk,
)

WIDTH = 2 * PAIRS + 1
SCALES = {  # powers of two, of rows and of weights, named by what they make of float32
    "integers": (0, 0),
    "subnormal-rows": (-149, 0),
    "subnormal-weights": (0, -149),
    "products-underflow": (-75, -70),
    "products-overflow": (80, 40),
}


@cache
def integers() -> Case:
    """Rows, weights and biases of up to 24 bits whose scores are a few units, or 0."""
    dice = np.random.default_rng(0)
    p, q = (dice.integers(-(2**23), 2**23, (n, PAIRS)) for n in (ROWS, NODES))
    q[:, :4] = dice.integers(-1, 2, (NODES, 4))
    moved = p.copy()
    moved[:, :4] += dice.integers(-1, 2, (ROWS, 4))
    row, node, bias = (dice.integers(-1, 2, (n, 1)) for n in (ROWS, NODES, NODES))
    places = dice.permutation(WIDTH)
    x, w = np.hstack([p, -moved, row]), np.hstack([q, q, node])
    return x[:, places], w[:, places], bias[:, 0]


def in_integers(x: Array, w: Array, bias: Array) -> Array:
    scores: Array = (x * w).sum(1) + bias
    return scores


@cache
def exact_leaf(tie: TieRule) -> Array:
    return walk(integers(), tie, in_integers)


@pytest.mark.parametrize("backend", BACKENDS)
def test_where_the_canonical_sum_is_exact_the_decision_is_the_exact_sign(backend: str) -> None:
    cases = 0

    for name, (of_x, of_w) in SCALES.items():
        case = scaled(integers(), 2.0**of_x, 2.0**of_w, 2.0 ** (of_x + of_w))
        for tie in TIES:
            leaf = leaves(backend, case, tie)
            assert np.array_equal(leaf, exact_leaf(tie)), (name, tie)
            cases += DEPTH * len(leaf)

    assert cases >= MANY


@pytest.mark.parametrize("name", SCALES)
def test_the_canonical_sum_of_the_integers_is_exact(name: str) -> None:
    of_x, of_w = SCALES[name]
    x, w, bias = (part[:NODES] for part in integers())

    case = scaled((x, w, bias), 2.0**of_x, 2.0**of_w, 2.0 ** (of_x + of_w))

    for part in case:
        assert np.array_equal(part, part.astype(np.float32))
    assert np.array_equal(in_canonical_order(*case), in_integers(x, w, bias) * 2.0 ** (of_x + of_w))


def test_the_integers_tie_often_and_defeat_float32() -> None:
    x, w, bias = (part[:NODES] for part in integers())
    exact = in_integers(x, w, bias)

    plain = (x.astype(np.float32) * w.astype(np.float32)).sum(1) + bias.astype(np.float32)

    assert 0.05 < (exact == 0).mean() < 0.5
    assert (np.sign(plain) != np.sign(exact)).mean() > 0.5


def float32_scores(x: Tensor, w: Tensor, bias: Tensor) -> dict[str, Tensor]:
    """The same sum as several backends might add it."""
    terms, forth, back = x * w, bias * 0, bias
    for k in range(x.shape[1]):
        forth, back = forth + terms[:, k], back + terms[:, -1 - k]
    return {
        "first-to-last": forth + bias,
        "bias-then-last-to-first": back,
        "sum": terms.sum(-1) + bias,
        "matmul": torch.bmm(x[:, None], w[:, :, None])[:, 0, 0] + bias,
        "halving": torch.from_numpy(halved(terms.T.contiguous().numpy())) + bias,
    }


def exact_signs(x: Array, w: Array, bias: Array) -> Tensor:
    """Products of float32 numbers are exact in float64, and `fsum` adds as if without limit."""
    sums = map(math.fsum, np.column_stack([x * w, bias]).tolist())
    return torch.tensor(list(sums), dtype=torch.float64).sign()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy warns of infinities
def test_a_score_beyond_the_bound_has_the_exact_sign() -> None:
    """In a million pairs of a row and a node, each in five orders of additions."""
    pairs, certain, wrong = 0, 0, 0

    for name in FAMILIES:
        x, w, bias = family(name, 8 * ROWS)
        w, bias = (np.resize(part, (len(x), *part.shape[1:])) for part in (w, bias))
        sign = exact_signs(x, w, bias)
        rows = [torch.from_numpy(part).float() for part in (x, w, bias)]
        canonical = canonical_score(*rows).sign()
        x_norm, w_norm = (torch.from_numpy(part).norm(dim=-1) for part in (x, w))
        bound = error_bound(WIDTH, x_norm, w_norm, rows[2])
        for order, score in float32_scores(*rows).items():
            proven = score.isfinite() & (score.abs() > bound)
            assert torch.equal(score.sign()[proven].double(), sign[proven]), (name, order)
            assert torch.equal(canonical[proven], sign[proven]), (name, order)
            certain += int(proven.sum())
            wrong += int((score.sign() != sign).sum())
        pairs += len(x)

    assert pairs >= MANY
    assert certain > 100_000
    assert wrong > 100_000
