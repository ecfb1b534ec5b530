"""
Millions of decisions made as hard as numbers allow, each against the canonical order written again.

In every family *each* row scores near 0 at *each* node, so a walk of `DEPTH` nodes is `DEPTH`
cases, and the leaf where it ends decides them all. Deep trees show that one doubt settles a whole
path rightly; trees of one node show each decision alone, with no other doubt to correct it.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import cache, partial
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from fff.kernels.cpu.backend import NumbaGrouped
from fff.kernels.torch_grouped import TorchGrouped
from fff.weights import FFFWeights, TieRule

CPU = torch.device("cpu")
BACKENDS = {"numba": NumbaGrouped, "torch": TorchGrouped}
TIES: tuple[TieRule, TieRule] = ("ge", "gt")
ROWS, DEPTH = 16_384, 8
NODES = 2**DEPTH - 1
PAIRS = 16
"""Of terms that cancel, beside one that does not: an input of odd width."""
MANY = 1_000_000

Array = npt.NDArray[Any]
Case = tuple[Array, Array, Array]
"""Rows `[n, i]`, node weights `[nodes, i]`, node biases `[nodes]`; every number a float32's."""
Dice = np.random.Generator
Family = Callable[[Dice, int, int], Case]


def cancelling(dice: Dice, rows: int, pairs: int, step: float, rest: float) -> Case:
    """
    `x = (p, -p, rest)` and `w = (q, q, rest)`, shuffled: in exact sums little is left, or 0.

    Args:
        dice: Draws the numbers; `p` and `q` are of unit size.
        rows: How many.
        pairs: Length of `p` and `q`.
        step: Moves a half of `-p` up or down.
        rest: Size of what does not cancel, and of the biases.
    """
    p, q = dice.normal(size=(rows, pairs)), dice.normal(size=(NODES, pairs))
    minus_p = step * dice.choice([-1, 0, 0, 1], p.shape) - p
    row, node, bias = (dice.choice([-1.0, 0.0, 1.0], (n, 1)) for n in (rows, NODES, NODES))
    places = dice.permutation(2 * pairs + 1)
    x, w = np.hstack([p, minus_p, rest * row]), np.hstack([q, q, node])
    return x[:, places], w[:, places], rest * bias[:, 0]


def around(dice: Dice, rows: int, pairs: int, distance: float) -> Case:
    """One row, at which each bias is minus the score, and others this near to it."""
    i = 2 * pairs + 1
    middle, w = dice.normal(size=i), dice.normal(size=(NODES, i)).astype(np.float32)
    x = middle + dice.normal(size=(rows, i)) * distance
    return x, w, -(w.astype(np.float64) @ middle.astype(np.float32))


def at_the_edge(dice: Dice, rows: int, pairs: int) -> Case:
    """Scores of about the size of the screen's bound, some within and some beyond."""
    i = 2 * pairs + 1
    return around(dice, rows, pairs, (i + 2) * 2.0**-23 * i**0.5)


def ones_and_zeros(dice: Dice, rows: int, pairs: int) -> Case:
    """Scores that are small integers, and often 0 or -0."""
    i, values = 2 * pairs + 1, [-1.0, -0.0, 0.0, 1.0]
    x, w, bias = (dice.choice(values, shape) for shape in ((rows, i), (NODES, i), NODES))
    return x, w, bias


def one_infinity(dice: Dice, rows: int, pairs: int) -> Case:
    """One product beyond float32, outweighed or not by many within: inf says right, always."""
    x = np.hstack([np.ones((rows, 1)), dice.normal(1, 0.01, (rows, 2 * pairs))])
    w = dice.exponential(size=(NODES, 2 * pairs))
    w = np.hstack([np.ones((NODES, 1)), -w / w.sum(1, keepdims=True)])
    return x * 3.6e17, w * 1e21, np.zeros(NODES)


def scaled(case: Case, of_x: float, of_w: float, of_bias: float) -> Case:
    return case[0] * of_x, case[1] * of_w, case[2] * of_bias


def cancel(step: float, rest: float, of_x: float, of_w: float, of_bias: float) -> Family:
    """`cancelling`, then `scaled`."""
    return lambda dice, rows, pairs: scaled(
        cancelling(dice, rows, pairs, step, rest), of_x, of_w, of_bias
    )


_ULP = 2.0**-24
FAMILIES: dict[str, Family] = {
    "float64-sums-that-cancel": partial(cancelling, step=0, rest=2.0**-52),
    "pairs-of-1e8": cancel(0, 1e-16, 1e8, 1e8, 1e16),
    "ulps-apart": partial(cancelling, step=_ULP, rest=_ULP),
    "ulps-around-a-rounded-bias": partial(around, distance=_ULP),
    "at-the-edge-of-the-bound": at_the_edge,
    "subnormal-rows": cancel(2e-3, 2e-3, 1e-42, 1, 1e-42),
    "products-underflow": cancel(_ULP, _ULP, 1e-24, 1e-20, 0),
    "squares-underflow": cancel(_ULP, _ULP, 1e-24, 1e10, 1e-14),
    "one-product-overflows": one_infinity,
    "products-overflow": cancel(_ULP, _ULP, 1e25, 1e20, 1e45),
    "ones-and-zeros": ones_and_zeros,
}


@cache
def family(name: str, rows: int = ROWS, pairs: int = PAIRS) -> Case:
    dice = np.random.default_rng(list(FAMILIES).index(name))
    case = FAMILIES[name](dice, rows, pairs)
    x, w, bias = (part.astype(np.float32).astype(np.float64) for part in case)
    return x, w, bias


def one_node(case: Case, k: int) -> Case:
    return case[0], case[1][k : k + 1], case[2][k : k + 1]


def halved(terms: Array) -> Array:
    """Add `[i, n]` as `fff.decision` says: element `k` and element `k + half`."""
    while len(terms) > 1:
        half = (len(terms) + 1) // 2
        sums = terms[:half].copy()
        sums[: len(terms) - half] += terms[half:]
        terms = sums
    total: Array = terms[0]
    return total


def in_canonical_order(x: Array, w: Array, bias: Array) -> Array:
    return halved((x * w).T.copy()) + bias


def walk(case: Case, tie: TieRule, score: Callable[[Array, Array, Array], Array]) -> Array:
    """Name each row's leaf by an oracle's scores."""
    x, w, bias = case
    node = np.zeros(len(x), np.int64)
    for _ in range(len(w).bit_length()):
        s = score(x, w[node], bias[node])
        node = 2 * node + 1 + (s >= 0 if tie == "ge" else s > 0)
    return node - len(w)


def layer(case: Case, tie: TieRule) -> FFFWeights:
    w, bias = (torch.from_numpy(part).float() for part in case[1:])
    leaves, i = len(w) + 1, w.shape[1]
    w1, w2, b = torch.zeros(leaves, i, 1), torch.zeros(leaves, 1, 1), torch.zeros(leaves, 1)
    return FFFWeights(w, bias, w1, b, w2, b, activation="relu", tie=tie)


def leaves(backend: str, case: Case, tie: TieRule) -> Array:
    """Ask the code under test."""
    answer = BACKENDS[backend](layer(case, tie), CPU).infer(torch.from_numpy(case[0]).float())
    leaf: Array = answer.leaf.numpy()[:, 0]
    return leaf


@cache
def oracle(name: str, tie: TieRule) -> Array:
    return walk(family(name), tie, in_canonical_order)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_million_near_ties_go_where_the_canonical_order_says(backend: str) -> None:
    cases = 0

    for name, tie in product(FAMILIES, TIES):
        leaf = leaves(backend, family(name), tie)
        assert np.array_equal(leaf, oracle(name, tie)), (name, tie)
        cases += DEPTH * len(leaf)

    assert cases >= 2 * MANY


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_million_decisions_are_right_each_by_itself(backend: str) -> None:
    cases = 0

    for name, tie, k in product(FAMILIES, TIES, range(4)):
        case = one_node(family(name), k)
        leaf = leaves(backend, case, tie)
        assert np.array_equal(leaf, walk(case, tie, in_canonical_order)), (name, tie, k)
        cases += len(leaf)

    assert cases >= MANY


@pytest.mark.parametrize("pairs", [3, 32, 392])
@pytest.mark.parametrize("backend", BACKENDS)
def test_near_ties_of_another_width_go_there_too(backend: str, pairs: int) -> None:
    """Widths below a vector, one beyond a block of the kernel's dot product, and MNIST's."""
    for name, tie in product(FAMILIES, TIES):
        case = family(name, 300, pairs)
        for some in (case, one_node(case, 0), one_node(case, 1)):
            assert np.array_equal(leaves(backend, some, tie), walk(some, tie, in_canonical_order))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_near_ties_are_in_doubt_and_fall_to_both_sides(name: str) -> None:
    """Otherwise the tests above would test little."""
    kernel = NumbaGrouped(layer(family(name), "ge"), CPU)

    kernel.infer(torch.from_numpy(family(name)[0]))

    assert kernel.rechecked_rows > ROWS / 2
    assert len(np.unique(oracle(name, "ge"))) > 150


@pytest.mark.parametrize("name", FAMILIES)
def test_numpys_canonical_order_is_that_of_rational_numbers_rounded_at_each_step(name: str) -> None:
    x, w, bias = (part[:NODES] for part in family(name))

    score = in_canonical_order(x, w, bias)

    for row, weight, b, s in zip(x, w, bias, score, strict=True):
        terms = [Fraction(p) * Fraction(q) for p, q in zip(row, weight, strict=True)]
        while len(terms) > 1:
            half = (len(terms) + 1) // 2
            right = [*terms[half:], Fraction(0)][:half]
            terms = [Fraction(float(p + q)) for p, q in zip(terms[:half], right, strict=True)]
        assert float(terms[0] + Fraction(b)) == s
