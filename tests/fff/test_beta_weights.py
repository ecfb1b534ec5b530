"""The tensors of an FFF-beta: what fits together, what it costs, and the slow truth by hand."""

import math

import pytest
import torch

from fff import beta_reference
from fff.beta_weights import FFFBetaWeights
from fff.shapes import ShapeError
from tests.fff.networks import neurons, rows


def test_the_reference_is_the_published_recursion() -> None:
    """`y += act(z) w_out; i = 2 i + 1 + [z > 0]`, d + 1 times from the root, tree by tree."""
    x, w = rows(10, 6), neurons(6, 3, 2, 4)
    answer = beta_reference.infer(x, w)

    for row, leaf, logits in zip(x, answer.leaf, answer.logits, strict=True):
        expected = torch.zeros(4)
        for k in range(2):
            i = 0
            for _ in range(4):
                z = float(w.w_in[k, i] @ row + w.b_in[k, i])
                expected += z * (1 + math.erf(z / math.sqrt(2))) / 2 * w.w_out[k, i]
                last, i = i, 2 * i + 1 + (z > 0)
            assert last - 7 == leaf[k]
        torch.testing.assert_close(logits, expected)


def test_sizes_and_costs_are_those_of_ultrafastbert() -> None:
    deep, wide = empty(1, 11), empty(128, 4)

    assert (deep.trees, deep.nodes, deep.depth, deep.leaves) == (1, 4095, 11, 2048)
    assert deep.flops_per_row == 2 * 12 * (768 + 768)
    assert deep.bytes_per_row == 12 * (768 + 1 + 768) * 4
    assert (wide.trees, wide.depth, wide.leaves) == (128, 4, 16)
    assert wide.flops_per_row == 2 * 640 * (768 + 768)


def empty(k: int, d: int) -> FFFBetaWeights:
    n = 2 ** (d + 1) - 1
    return FFFBetaWeights(torch.empty(k, n, 768), torch.empty(k, n), torch.empty(k, n, 768))


def test_weights_survive_the_way_through_named_tensors_and_miss_no_bias() -> None:
    w = neurons(6, 2, 3, 4, "relu", "ge")
    tensors = w.tensors()

    back = FFFBetaWeights.from_tensors(tensors, "relu", "ge")
    del tensors["b_in"]
    without = FFFBetaWeights.from_tensors(tensors)

    assert (back.activation, back.tie) == ("relu", "ge")
    assert all(torch.equal(back.tensors()[name], t) for name, t in w.tensors().items())
    assert not without.b_in.any()
    assert (without.activation, without.tie) == ("gelu", "gt")


def test_tensors_that_do_not_fit_are_refused_with_what_came() -> None:
    w_in, b_in, w_out = neurons(6, 2, 3, 4).tensors().values()

    with pytest.raises(ShapeError, match="a power of two less one; got 3 and 6"):
        FFFBetaWeights(w_in[:, :6], b_in[:, :6], w_out[:, :6])
    with pytest.raises(ShapeError, match=r"b_in must be \[3, 7\], got \[3, 6\]"):
        FFFBetaWeights(w_in, b_in[:, :6], w_out)
    with pytest.raises(ShapeError, match=r"w_in must be .*, got \[3, 7\] and \[3, 7, 4\]"):
        FFFBetaWeights(b_in, b_in, w_out)
    with pytest.raises(ShapeError, match="tensor 'w_out' is missing; found w_in"):
        FFFBetaWeights.from_tensors({"w_in": w_in})
