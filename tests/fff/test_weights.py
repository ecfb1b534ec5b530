from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from fff.weights import FeedForwardWeights, FFFWeights, ShapeError, weight_bytes
from tests.fff.networks import dense, tree

WRONG = {  # tensor, what is done to it, what the message says
    "node_weight": (lambda t: t[:2], r"node_weight must be \[3, 5\], got \[2, 5\]"),
    "node_bias": (lambda t: t[:, None], r"node_bias must be \[3\], got \[3, 1\]"),
    "w1": (lambda t: t[:3], r"leaves must be a power of two, got 3"),
    "b1": (lambda t: t[:, :1], r"b1 must be \[4, 2\], got \[4, 1\]"),
    "w2": (lambda t: t[0], r"w1 must be \[leaves, .* got \[4, 5, 2\] and \[2, 3\]"),
    "b2": (lambda t: t.T, r"b2 must be \[4, 3\], got \[3, 4\]"),
    "master_w1": (lambda t: t[:4], r"master_w1 must be \[5, 6\], got \[4, 6\]"),
    "master_b2": (lambda t: t[:2], r"b2 must be \[3\], got \[2\]"),
    "master_logit": (lambda t: t[None], r"master_logit must be \[\], got \[1\]"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_tensor_that_does_not_fit_is_named_with_expected_and_got(name: str) -> None:
    damage: Callable[[Tensor], Tensor]
    damage, message = WRONG[name]
    tensors = tree(5, 2, 2, 3, m=6).tensors()
    tensors[name] = damage(tensors[name])

    with pytest.raises(ShapeError, match=message):
        FFFWeights.from_tensors(tensors, "relu")


@pytest.mark.parametrize("name", ["w1", "b1", "w2", "b2"])
def test_a_dense_tensor_that_does_not_fit_is_refused(name: str) -> None:
    tensors = dense(5, 8, 3).tensors()
    tensors[name] = tensors[name][None]

    with pytest.raises(ShapeError, match="must be"):
        FeedForwardWeights.from_tensors(tensors, "relu")


@pytest.mark.parametrize("name", ["w2", "master_b1"])
def test_a_missing_tensor_is_named_beside_what_is_there(name: str) -> None:
    tensors = tree(5, 2, 2, 3, m=6).tensors()
    del tensors[name]

    with pytest.raises(ShapeError, match=f"'{name.removeprefix('master_')}|{name}' is missing"):
        FFFWeights.from_tensors(tensors, "relu")


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(ValueError, match="got 'swish'"):
        dense(5, 8, 3, "swish")


@pytest.mark.parametrize("m", [0, 6])
def test_from_tensors_is_the_inverse_of_tensors(m: int) -> None:
    w = tree(5, 2, 2, 3, m, tie="gt", leaf_output_bias=False)

    back = FFFWeights.from_tensors(w.tensors(), w.activation, w.tie, w.leaf_output_bias)

    assert back.tensors().keys() == w.tensors().keys()
    assert (back.depth, back.leaf_width, back.master_width) == (2, 2, m)
    assert (back.tie, back.leaf_output_bias, back.mix) == ("gt", False, w.mix)


def test_the_share_of_the_tree_is_sigmoid_of_the_logit_and_one_without_a_master() -> None:
    assert tree(5, 2, 2, 3).mix == 1
    assert tree(5, 2, 2, 3, m=6).mix == pytest.approx(0.574443)  # sigmoid(0.3)


def test_flops_per_row_follow_the_formula() -> None:
    # 2 d i + 2 (l + m)(i + o), and 2 w (i + o)
    assert tree(784, 7, 8, 10).flops_per_row == 2 * 7 * 784 + 2 * 8 * 794
    assert tree(784, 7, 8, 10, m=4).flops_per_row == 2 * 7 * 784 + 2 * 12 * 794
    assert dense(784, 1024, 10).flops_per_row == 2 * 1024 * 794


def test_bytes_per_row_are_the_path_the_leaf_and_the_master() -> None:
    path, leaf = 7 * (784 + 1) * 4, (784 * 8 + 8 + 8 * 10 + 10) * 4
    master = (784 * 4 + 4 + 4 * 10 + 10) * 4

    assert tree(784, 7, 8, 10).bytes_per_row == path + leaf
    assert tree(784, 7, 8, 10, m=4).bytes_per_row == path + leaf + master
    assert dense(784, 4, 10).bytes_per_row == master


def test_weight_bytes_count_every_tensor() -> None:
    assert weight_bytes(tree(5, 1, 2, 3)) == 4 * ((5 + 1) + 2 * (5 * 2 + 2 + 2 * 3 + 3))
    assert weight_bytes(dense(5, 2, 3)) == 4 * (5 * 2 + 2 + 2 * 3 + 3)
    assert torch.float32.itemsize == 4
