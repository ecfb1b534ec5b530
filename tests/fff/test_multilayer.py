"""A multilayer perceptron is its layers one after the other, if wanted behind Fourier features."""

import math

import pytest
import torch

from fff import reference
from fff.activations import activation_by_name, multilayer_activation
from fff.multilayer import MultilayerWeights
from fff.shapes import ShapeError
from networks.backends import build_backend
from tests.fff.exactness import assert_like_the_reference
from tests.fff.networks import dense, multilayer, rows, tree

CPU = torch.device("cpu")
NETWORKS = {
    "one-layer": multilayer(123, (17,), 11, "gelu"),
    "three-layers": multilayer(2, (33, 1, 20), 3, "silu"),
    "all-widths-one": multilayer(1, (1,), 1, features=1),
    "fourier": multilayer(2, (31, 16), 1, features=7),
    "sine": multilayer(2, (31, 16), 5, "sine"),
    "sixteen-layers": multilayer(3, [9] * 16, 2, "tanh"),
}


def test_with_one_hidden_layer_it_is_the_dense_network() -> None:
    x, w = rows(40, 12), dense(12, 20, 5, "gelu")
    same = MultilayerWeights((w.w1, w.w2), (w.b1, w.b2), "gelu")

    assert torch.equal(reference.infer(x, same).logits, reference.infer(x, w).logits)
    assert (same.flops_per_row, same.bytes_per_row) == (w.flops_per_row, w.bytes_per_row)


def test_fourier_features_are_cosines_and_then_sines_of_turns() -> None:
    """Worked by hand: a quarter turn, and three of another frequency."""
    frequencies = torch.tensor([[1.0, 3.0]])
    identity, no_bias = torch.eye(4), torch.zeros(4)
    w = MultilayerWeights((identity, identity), (no_bias, no_bias), "identity", frequencies)

    logits = build_backend(w, CPU).infer(torch.tensor([[0.25], [0.125]])).logits

    half = math.sqrt(0.5)
    expected = torch.tensor([[0.0, 0.0, 1.0, -1.0], [half, -half, half, half]])
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("n", [0, 1, 33])
@pytest.mark.parametrize("w", NETWORKS.values(), ids=NETWORKS)
def test_the_backend_agrees_with_the_reference_for_a_batch_and_for_each_row_alone(
    w: MultilayerWeights, n: int
) -> None:
    x, backend = rows(n, w.input_width), build_backend(w, CPU)

    together = backend.infer(x)

    assert backend.output_class == "fast"
    assert (together.leaf.shape, together.margin.shape) == ((n, 0), (n, 0))
    assert_like_the_reference(together, x, w)
    for row, logits in zip(x, together.logits, strict=True):
        torch.testing.assert_close(backend.infer(row[None]).logits[0], logits)


@pytest.mark.parametrize("w", NETWORKS.values(), ids=NETWORKS)
def test_its_tensors_make_it_again(w: MultilayerWeights) -> None:
    back = MultilayerWeights.from_tensors(w.tensors(), w.activation)

    assert back.tensors().keys() == w.tensors().keys()
    assert all(back.tensors()[name] is tensor for name, tensor in w.tensors().items())
    assert (back.hidden_widths, back.fourier_features) == (w.hidden_widths, w.fourier_features)


def test_costs_follow_the_formulae() -> None:
    plain, fourier = multilayer(2, (64, 32), 3), multilayer(2, (64, 32), 3, features=16)
    layers = 64 * 32 + 32 * 3
    biases = 64 + 32 + 3

    assert plain.flops_per_row == 2 * (2 * 64 + layers)
    assert plain.bytes_per_row == 4 * (2 * 64 + layers + biases)
    assert fourier.flops_per_row == 2 * (2 * 16 + 32 * 64 + layers)
    assert fourier.bytes_per_row == 4 * (2 * 16 + 32 * 64 + layers + biases)


@pytest.mark.parametrize("name", ["w1", "b1", "w2", "b2", "w3", "b3", "fourier"])
def test_a_tensor_that_does_not_fit_is_named(name: str) -> None:
    tensors = multilayer(2, (7, 5), 3, features=4).tensors()

    with pytest.raises(ShapeError, match=f"{name} must be .*, got"):
        MultilayerWeights.from_tensors(tensors | {name: tensors[name][None]}, "relu")


@pytest.mark.parametrize("name", ["w1", "b1", "w2", "b2", "b3"])
def test_a_tensor_that_is_missing_is_named(name: str) -> None:
    tensors = multilayer(2, (7, 5), 3).tensors()
    del tensors[name]

    with pytest.raises(ShapeError, match=f"'{name}' is missing"):
        MultilayerWeights.from_tensors(tensors, "relu")


def test_layers_that_do_not_follow_each_other_are_refused() -> None:
    tensors = multilayer(2, (7, 5), 3, features=4).tensors()

    with pytest.raises(ShapeError, match=r"w2 must be \[7, 4\], got \[5, 4\]"):
        MultilayerWeights.from_tensors(tensors | {"w2": torch.ones(5, 4)}, "relu")
    with pytest.raises(ShapeError, match=r"w1 must be \[6, 7\], got \[8, 7\]"):
        MultilayerWeights.from_tensors(tensors | {"fourier": torch.ones(2, 3)}, "relu")


@pytest.mark.parametrize("layers", [1, 18])
def test_no_hidden_layer_and_more_than_sixteen_are_refused(layers: int) -> None:
    square, bias = torch.eye(2), torch.ones(2)

    with pytest.raises(ShapeError, match=f"1 to 16 hidden layers .* got {layers} matrices"):
        MultilayerWeights((square,) * layers, (bias,) * layers, "relu")
    with pytest.raises(ShapeError, match="got 3 matrices and 2 biases"):
        MultilayerWeights((square,) * 3, (bias,) * 2, "relu")


def test_a_sine_is_refused_where_no_kernel_has_it() -> None:
    assert multilayer_activation("sine")(torch.tensor(math.pi / 2)) == 1
    with pytest.raises(ValueError, match="'sine' is of a multilayer perceptron alone"):
        activation_by_name("sine")
    with pytest.raises(ValueError, match="of a multilayer perceptron alone"):
        dense(4, 2, 3, "sine")
    with pytest.raises(ValueError, match="of a multilayer perceptron alone"):
        tree(4, 1, 2, 3, activation="sine")
    with pytest.raises(ValueError, match=r"activation must be one of elu, .*, sine; got 'cosine'$"):
        multilayer(2, (3,), 1, "cosine")
