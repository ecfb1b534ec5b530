"""How large a row may be before float32 can overflow on it."""

import pytest
import torch

from fff import reference
from fff.activations import ACTIVATIONS
from fff.baselines import LowRank, Mixture
from fff.layers import FFF, Dense
from fff.names import MULTILAYER_ACTIVATION_NAMES
from fff.overflow import largest_safe_input
from fff.perceptron import Multilayer
from fff.weights import Weights
from tests.fff.networks import multilayer, raster

WIDTH, OUTPUTS = 5, 3


def networks(activation: str) -> list[Weights]:
    mixture = Mixture(WIDTH, OUTPUTS, 4, 3, 2, activation=activation)
    torch.nn.init.normal_(mixture.gate_weight)
    fff = FFF(WIDTH, OUTPUTS, 2, leaf_width=4, master_width=3, activation=activation)
    return [
        fff.weights(),
        Dense(WIDTH, OUTPUTS, 16, activation=activation).weights(),
        LowRank(WIDTH, OUTPUTS, 16, 2, activation=activation).weights(),
        mixture.weights(),
        Multilayer(WIDTH, OUTPUTS, (16,), activation).weights(),
    ]


def bound(weights: Weights, scale: float = 1.0) -> float:
    return largest_safe_input(
        weights, {name: scale * float(t.abs().max()) for name, t in weights.tensors().items()}
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_no_row_within_the_bound_overflows_and_ordinary_rows_are_far_within(activation):
    torch.manual_seed(0)
    for weights in networks(activation):
        safe = bound(weights)
        rows = torch.cat([torch.randn(200, WIDTH), torch.ones(1, WIDTH), -torch.ones(1, WIDTH)])
        rows = rows / rows.abs().amax(1, keepdim=True) * safe

        assert 1e12 < safe < 3.4e38
        assert reference.infer(rows, weights).logits.isfinite().all()


@pytest.mark.parametrize("weights", networks("relu"), ids=lambda weights: weights.kind)
def test_larger_weights_leave_less_room_and_some_leave_none(weights):
    assert bound(weights) > bound(weights, 10.0) > bound(weights, 1e10)
    assert bound(weights, 1e38) == 0


@pytest.mark.parametrize("activation", MULTILAYER_ACTIVATION_NAMES)
@pytest.mark.parametrize("features", [0, 4])
def test_no_row_within_the_bound_overflows_in_the_deepest_perceptron(activation, features):
    weights = multilayer(WIDTH, [8] * 16, OUTPUTS, activation, features)
    safe = bound(weights)
    rows = torch.cat([torch.randn(200, WIDTH), torch.ones(1, WIDTH), -torch.ones(1, WIDTH)])
    rows = rows / rows.abs().amax(1, keepdim=True) * safe

    assert reference.infer(rows, weights).logits.isfinite().all()


@pytest.mark.parametrize(("activation", "features"), [("sine", 0), ("tanh", 0), ("sine", 4)])
def test_waves_and_fourier_features_are_safe_wherever_their_argument_is(activation, features):
    weights = multilayer(WIDTH, [8] * 16, OUTPUTS, activation, features)

    assert 1e35 < bound(weights) < 3.4e38


def test_a_raster_is_safe_for_every_row():
    assert bound(raster((4, 3), 2)) > torch.finfo(torch.float32).max
