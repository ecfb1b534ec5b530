"""A network of low rank is a dense one whose up projection is a product."""

import pytest
import torch

from fff import reference
from fff.baselines import LowRank
from fff.low_rank import LowRankWeights
from fff.shapes import ShapeError
from fff.weights import FeedForwardWeights
from networks.backends import build_backend
from tests.fff.exactness import assert_like_the_reference
from tests.fff.networks import low_rank, rows

CPU = torch.device("cpu")


@pytest.mark.parametrize("r", [1, 3, 8])  # 8 is full: the smaller of both widths
def test_it_computes_the_dense_network_of_the_product(r: int) -> None:
    x, w = rows(40, 8), low_rank(8, r, 20, 5, "gelu")

    answer = build_backend(w, CPU).infer(x)

    product = FeedForwardWeights(w.u @ w.v, w.b1, w.w2, w.b2, "gelu")
    torch.testing.assert_close(answer.logits, reference.dense(x, product))
    assert (answer.leaf.shape, answer.margin.shape) == ((40, 0), (40, 0))


@pytest.mark.parametrize("n", [0, 1, 33])
def test_the_backend_agrees_with_the_reference_for_a_batch_and_for_each_row_alone(n: int) -> None:
    x, w = rows(n, 123), low_rank(123, 5, 17, 11)
    backend = build_backend(w, CPU)

    together = backend.infer(x)

    assert_like_the_reference(together, x, w)
    for row, logits in zip(x, together.logits, strict=True):
        torch.testing.assert_close(backend.infer(row[None]).logits[0], logits)


def test_the_module_computes_what_it_exports() -> None:
    x, layer = rows(20, 6), LowRank(6, 4, 9, 3, "silu")
    w = layer.weights()

    torch.testing.assert_close(layer(x), reference.low_rank(x, w))
    assert (w.input_width, w.rank, w.hidden_width, w.output_width) == (6, 3, 9, 4)
    back = LowRankWeights.from_tensors(w.tensors(), w.activation)
    assert all(torch.equal(back.tensors()[name], t) for name, t in w.tensors().items())


def test_the_gradient_reaches_every_parameter() -> None:
    layer = LowRank(6, 4, 9, 3, "gelu", dropout=0.1)

    layer.train()(rows(200, 6)).square().mean().backward()

    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_costs_follow_the_formulae() -> None:
    w = low_rank(784, 16, 128, 10)

    assert w.flops_per_row == 2 * (784 * 16 + 16 * 128 + 128 * 10)
    assert w.bytes_per_row == 4 * (784 * 16 + 16 * 128 + 128 + 128 * 10 + 10)


@pytest.mark.parametrize("name", ["u", "v", "b1", "w2", "b2"])
def test_a_tensor_that_does_not_fit_or_is_missing_is_named(name: str) -> None:
    tensors = low_rank(6, 3, 9, 4).tensors()

    with pytest.raises(ShapeError, match=f"{name} .*must be|must be .*{name}"):
        LowRankWeights.from_tensors(tensors | {name: tensors[name][None]}, "relu")
    del tensors[name]
    with pytest.raises(ShapeError, match=f"'{name}' is missing"):
        LowRankWeights.from_tensors(tensors, "relu")


def test_factors_that_do_not_multiply_are_refused() -> None:
    tensors = low_rank(6, 3, 9, 4).tensors()

    with pytest.raises(ShapeError, match=r"v must be \[2, 9\], got \[3, 9\]"):
        LowRankWeights.from_tensors(tensors | {"u": tensors["u"][:, :2]}, "relu")


def test_impossible_sizes_are_refused_with_what_came() -> None:
    with pytest.raises(ValueError, match="rank=0"):
        LowRank(6, 4, 9, 0)
