"""The trainable perceptron computes what it exports, and begins as the papers say."""

import math

import pytest
import torch

from fff import reference
from fff.names import MULTILAYER_ACTIVATION_NAMES
from fff.perceptron import Multilayer
from tests.fff.networks import rows


@pytest.mark.parametrize("activation", MULTILAYER_ACTIVATION_NAMES)
@pytest.mark.parametrize("features", [0, 5])
def test_the_module_computes_what_it_exports(activation: str, features: int) -> None:
    torch.manual_seed(0)
    x = rows(50, 3).clamp(-1, 1)
    module = Multilayer(3, 2, (17, 9), activation, features, dropout=0.5).eval()

    expected = reference.infer(x, module.weights()).logits

    torch.testing.assert_close(module(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("frequency", [1.0, 30.0])
def test_a_siren_s_frequency_is_folded_into_its_hidden_layers(frequency: float) -> None:
    torch.manual_seed(0)
    x = rows(50, 2).clamp(-1, 1).double()
    siren = Multilayer(2, 1, (32, 32), "sine", frequency=frequency)
    (w1, w2, w3), (b1, b2, b3) = (
        [t.detach().double() for t in layers] for layers in (siren.matrices, siren.biases)
    )

    unfolded = torch.sin(frequency * (x @ w1 + b1))
    unfolded = torch.sin(frequency * (unfolded @ w2 + b2)) @ w3 + b3

    folded = reference.multilayer(x, siren.weights())
    torch.testing.assert_close(folded, unfolded, rtol=1e-4, atol=1e-5)
    assert torch.equal(siren.weights().matrices[-1], siren.matrices[-1])


def test_other_activations_have_no_frequency() -> None:
    module = Multilayer(2, 1, (4,), "relu", frequency=30.0)

    assert all(map(torch.equal, module.weights().matrices, module.matrices))


def test_what_is_exported_shares_memory_and_needs_no_gradient() -> None:
    module = Multilayer(3, 2, (5, 4), "gelu", fourier_features=2)
    w = module.weights()

    assert not any(tensor.requires_grad for tensor in w.tensors().values())
    assert w.matrices[0].data_ptr() == module.matrices[0].data_ptr()
    assert (w.input_width, w.hidden_widths, w.output_width) == (3, [5, 4], 2)
    assert w.fourier_features == 2


def test_frequencies_are_normal_and_stay_as_they_were_drawn() -> None:
    torch.manual_seed(0)
    module = Multilayer(2, 1, (4,), fourier_features=20_000, fourier_scale=10.0)
    frequencies = module.weights().fourier
    assert frequencies is not None

    assert float(frequencies.mean()) == pytest.approx(0, abs=0.2)
    assert float(frequencies.std()) == pytest.approx(10, rel=0.02)
    assert "frequencies" not in dict(module.named_parameters())
    assert torch.equal(module.state_dict()["frequencies"], frequencies)


def test_a_siren_begins_within_the_paper_s_bounds() -> None:
    """Section 3.2 and supplement 1.5: U(-1/i, 1/i) first, then sqrt(6 / h) / omega_0."""
    torch.manual_seed(0)
    siren = Multilayer(2, 1, (300, 200), "sine", frequency=25.0)

    bounds = [1 / 2, math.sqrt(6 / 300) / 25, math.sqrt(6 / 200) / 25]
    for matrix, bound in zip(siren.matrices, bounds, strict=True):
        assert 0.9 * bound < float(matrix.detach().abs().max()) <= bound


def test_a_siren_s_products_keep_their_size_from_layer_to_layer() -> None:
    """So that it may be deep: of variance 1, theorem 1.8 of the paper, which has no biases."""
    torch.manual_seed(0)
    x = torch.rand(2000, 2) * 2 - 1
    w = Multilayer(2, 1, [256] * 8, "sine").weights()

    hidden = x
    for matrix, bias in [*w.layers][:-1]:
        products = hidden @ matrix
        hidden = (products + bias).sin()

    assert float(products.std()) == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("features", [0, 5])
def test_the_gradient_reaches_every_parameter(features: int) -> None:
    module = Multilayer(6, 4, (9, 8), "gelu", features, dropout=0.1)

    module.train()(rows(200, 6)).square().mean().backward()

    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_impossible_sizes_are_refused_with_what_came() -> None:
    with pytest.raises(ValueError, match="1 to 16 hidden layers were expected, got 0"):
        Multilayer(6, 4, ())
    with pytest.raises(ValueError, match="got 17"):
        Multilayer(6, 4, [3] * 17)
    with pytest.raises(ValueError, match=r"hidden_widths=\(3, 0\)"):
        Multilayer(6, 4, (3, 0))
    with pytest.raises(ValueError, match="fourier_features=-1"):
        Multilayer(6, 4, (3,), fourier_features=-1)
    with pytest.raises(ValueError, match="one of elu, .*; got 'cosine'"):
        Multilayer(6, 4, (3,), "cosine")
