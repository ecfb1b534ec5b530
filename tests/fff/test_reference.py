import math

import pytest
import torch
from torch import Tensor

from fff import reference
from fff.activations import activation_by_name
from fff.decision import NO_BOUNDARY
from fff.weights import FFFWeights
from tests.fff.networks import dense, rows, tree


def walk(x: Tensor, w: FFFWeights, node: int = 0, level: int = 0) -> Tensor:
    """The paper's `F_I` for one float64 row, by recursion: `c >= 1/2` goes to the right child."""
    if level < w.depth:
        c = torch.sigmoid(x @ w.node_weight[node].double() + w.node_bias[node].double())
        return walk(x, w, 2 * node + (2 if c >= 0.5 else 1), level + 1)
    j = node - (2**w.depth - 1)
    hidden = activation_by_name(w.activation)(x @ w.w1[j].double() + w.b1[j].double())
    return hidden @ w.w2[j].double() + w.b2[j].double()


@pytest.mark.parametrize("d", [0, 1, 4])
def test_the_reference_computes_the_papers_recursion(d: int) -> None:
    x, w = rows(50, 9).double(), tree(9, d, 3, 4, activation="gelu")

    leaf, _ = reference.route(x.float(), w)
    y = reference.leaves(x.float().double(), leaf, w)

    torch.testing.assert_close(y, torch.stack([walk(row, w) for row in x]))


def test_a_leaf_index_spells_the_path_with_the_root_first() -> None:
    """One input coordinate per level: its sign is that level's decision."""
    w = tree(3, 3, 1, 1)
    levels = [0, 1, 1, 2, 2, 2, 2]
    w.node_weight.zero_()[torch.arange(7), levels] = 1.0
    w.node_bias.zero_()

    leaf, _ = reference.route(torch.tensor([[1.0, -1.0, 1.0], [-1.0, 1.0, 1.0]]), w)

    assert leaf.tolist() == [0b101, 0b011]


def test_the_margin_is_the_distance_to_the_nearest_boundary_on_the_path() -> None:
    w = tree(2, 1, 1, 1)
    w.node_weight.copy_(torch.tensor([[3.0, 4.0]]))
    w.node_bias.fill_(5.0)

    _, margin = reference.route(torch.tensor([[0.0, 0.0], [1.0, 3.0]]), w)

    assert margin.tolist() == [1.0, 4.0]


@pytest.mark.parametrize("bias", [0.0, 0.25])
@pytest.mark.parametrize("d", [0, 2])
def test_a_path_without_a_boundary_has_the_largest_finite_margin(d: int, bias: float) -> None:
    """A node with zero weights decides the same way for every row: no boundary."""
    w = tree(4, d, 2, 3)
    w.node_weight.zero_()
    w.node_bias.fill_(bias)

    _, margin = reference.route(rows(5, 4), w)

    assert margin.tolist() == [NO_BOUNDARY] * 5


def test_the_master_leaf_is_mixed_in_by_sigmoid_of_its_logit() -> None:
    x, with_master, without = rows(6, 5), tree(5, 2, 3, 4, m=7), tree(5, 2, 3, 4)
    assert with_master.master is not None
    s = 1 / (1 + math.exp(-0.3))

    y = reference.infer(x, with_master).logits

    tree_part = reference.infer(x, without).logits
    expected = s * tree_part + (1 - s) * reference.dense(x, with_master.master)
    torch.testing.assert_close(y, expected)


def test_without_the_leaf_output_bias_exactly_b2_is_missing() -> None:
    x, w = rows(20, 5), tree(5, 3, 2, 4)
    leaf, _ = reference.route(x, w)

    difference = reference.leaves(x, leaf, w) - reference.leaves(
        x, leaf, tree(5, 3, 2, 4, leaf_output_bias=False)
    )

    torch.testing.assert_close(difference, w.b2[leaf])


def test_a_dense_network_has_no_leaf_and_no_margin() -> None:
    x, w = rows(6, 5), dense(5, 8, 3, "tanh")

    answer = reference.infer(x, w)

    assert (answer.leaf.shape, answer.margin.shape) == ((6, 0), (6, 0))
    torch.testing.assert_close(answer.logits, torch.tanh(x @ w.w1 + w.b1) @ w.w2 + w.b2)


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match=r"x must be \[n, 5\], got \[2, 4\]"):
        reference.route(rows(2, 4), tree(5, 1, 1, 1))
