"""The trainable layer: the paper's soft mixture in training, one hard leaf in evaluation."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from fff import reference
from fff.activations import activation_by_name
from fff.layers import FFF, Dense
from fff.weights import FFFWeights
from tests.fff.networks import dense, rows, tree


def soft_recursion(x: Tensor, w: FFFWeights, node: int = 0, level: int = 0) -> Tensor:
    """The paper's `F_T`: `c F_T(right) + (1 - c) F_T(left)`, `c = sigmoid(x . w + b)`."""
    if level < w.depth:
        c = torch.sigmoid(x @ w.node_weight[node] + w.node_bias[node])[:, None]
        right = soft_recursion(x, w, 2 * node + 2, level + 1)
        return c * right + (1 - c) * soft_recursion(x, w, 2 * node + 1, level + 1)
    j = node - (2**w.depth - 1)
    hidden = activation_by_name(w.activation)(x @ w.w1[j] + w.b1[j])
    return hidden @ w.w2[j] + w.b2[j]


@pytest.mark.parametrize("d", [0, 1, 3])
def test_training_computes_the_papers_recursion(d: int) -> None:
    x, w = rows(20, 6), tree(6, d, 3, 4, activation="gelu")

    logits = FFF.from_weights(w).train()(x)

    torch.testing.assert_close(logits, soft_recursion(x, w))


@pytest.mark.parametrize("d", [0, 1, 5])
def test_the_shares_of_the_leaves_sum_to_one(d: int) -> None:
    mixture = FFF(6, 4, d, 3, region_leak=0.3).train().soft(rows(20, 6)).mixture

    assert mixture.shape == (20, 2**d)
    assert (mixture >= 0).all()
    torch.testing.assert_close(mixture.sum(1), torch.ones(20))


def test_firm_decisions_make_the_soft_mixture_the_hard_leaf() -> None:
    """Nodes scaled up decide the same way, ever more firmly."""
    x, w = rows(50, 6), tree(6, 3, 2, 4, m=5)
    w.node_weight.mul_(1e6)
    w.node_bias.mul_(1e6)

    soft = FFF.from_weights(w).soft(x)

    leaf, _ = reference.route(x, w)
    assert torch.equal(soft.mixture.argmax(1), leaf)
    torch.testing.assert_close(soft.logits, reference.infer(x, w).logits)


def test_evaluation_is_hard() -> None:
    x, w = rows(20, 6), tree(6, 3, 2, 4, m=5)

    logits = FFF.from_weights(w).eval()(x)

    torch.testing.assert_close(logits, reference.infer(x, w).logits)


def test_a_certain_region_leak_swaps_the_children_of_every_node() -> None:
    """Every `c` becomes `1 - c`, as if all nodes were negated; in training only."""
    x, w, mirror = rows(20, 6), tree(6, 3, 2, 4), tree(6, 3, 2, 4)
    mirror.node_weight.neg_()
    mirror.node_bias.neg_()

    layer = FFF.from_weights(w)
    layer.region_leak = 1.0

    expected = FFF.from_weights(mirror).soft(x).mixture
    torch.testing.assert_close(layer.train().soft(x).mixture, expected)
    assert torch.equal(layer.eval().soft(x).mixture, FFF.from_weights(w).soft(x).mixture)


def test_leaf_dropout_acts_in_training_only() -> None:
    """With every activation dropped, only the output biases are left."""
    x, layer = rows(20, 6), FFF(6, 4, 2, 3, master_width=5, leaf_dropout=1.0)
    soft = layer.train().soft(x)

    s = torch.sigmoid(torch.tensor(0.5))
    assert layer.master is not None
    torch.testing.assert_close(
        soft.logits, s * soft.mixture @ layer.b2s + (1 - s) * layer.master.b2
    )
    layer.leaf_dropout = layer.master.dropout = 0.0
    without = layer.soft(x).logits
    layer.leaf_dropout = layer.master.dropout = 1.0
    assert torch.equal(layer.eval().soft(x).logits, without)


@pytest.mark.parametrize("d", [0, 3])
def test_the_gradient_reaches_every_parameter(d: int) -> None:
    layer = FFF(6, 4, d, 3, activation="gelu", master_width=5, leaf_dropout=0.1)

    layer.train()(rows(200, 6)).square().mean().backward()

    for name, parameter in layer.named_parameters():
        if parameter.numel():  # at depth 0 there are no nodes
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name


def test_the_master_leaf_starts_with_the_share_of_the_efff_code() -> None:
    weights = FFF(6, 4, 2, 3, master_width=5).weights()

    assert weights.mix == pytest.approx(0.6225, abs=1e-4)  # sigmoid(0.5)
    assert weights.master_width == 5


@pytest.mark.parametrize("m", [0, 5])
def test_weights_survive_the_way_through_the_module(m: int) -> None:
    w = tree(6, 3, 2, 4, m, "tanh")

    back = FFF.from_weights(w).weights()

    assert back.activation == "tanh"
    assert back.tensors().keys() == w.tensors().keys()
    assert all(torch.equal(back.tensors()[name], t) for name, t in w.tensors().items())


def test_a_module_of_a_lineage_without_output_bias_has_none() -> None:
    layer = FFF.from_weights(tree(6, 3, 2, 4, leaf_output_bias=False))

    assert not layer.b2s.any()


def test_dense_computes_what_it_exports() -> None:
    x, layer = rows(20, 6), Dense(6, 4, 9, "silu")

    torch.testing.assert_close(layer(x), reference.dense(x, layer.weights()))
    assert layer.weights().hidden_width == dense(6, 9, 4).hidden_width


@pytest.mark.parametrize("wrong", [{"depth": -1}, {"leaf_width": 0}, {"master_width": -1}])
def test_impossible_sizes_are_refused_with_what_came(wrong: dict[str, int]) -> None:
    sizes: dict[str, Any] = {"input_width": 6, "output_width": 4, "depth": 2, "leaf_width": 3}
    (name, value), *_ = wrong.items()

    with pytest.raises(ValueError, match=f"{name}={value}"):
        FFF(**sizes | wrong)


def test_a_module_made_from_weights_keeps_their_tie_rule():
    weights = replace(FFF(3, 2, 2, 4).weights(), tie="gt")

    assert FFF.from_weights(weights).weights().tie == "gt"
