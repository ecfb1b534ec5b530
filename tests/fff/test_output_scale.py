import pytest
import torch

from fff import reference
from fff.layers import FFF
from fff.output_scale import in_units
from fff.shapes import ShapeError
from fff.weights import FFFWeights, Weights
from networks.backends import build_backend
from tests.fff.networks import dense, low_rank, mixture, multilayer, raster, rows, tree

NETWORKS: dict[str, Weights] = {
    "dense": dense(12, 9, 3),
    "tree": tree(12, 3, 4, 3),
    "one-leaf": tree(12, 0, 4, 3),
    "master": tree(12, 3, 4, 3, m=6),
    "low-rank": low_rank(12, 3, 9, 3),
    "mixture": mixture(12, 4, 3, 3, k=2),
    "multilayer": multilayer(12, (9, 8), 3, features=4),
    "raster": raster((4, 3), 3),
}
MEAN = torch.tensor([1200.0, -0.5, 0.0], dtype=torch.float64)  # metres, say, and fractions
DEVIATION = torch.tensor([430.0, 0.01, 1.0], dtype=torch.float64)
CPU = torch.device("cpu")


@pytest.mark.parametrize("weights", NETWORKS.values(), ids=NETWORKS)
def test_outputs_are_in_units_with_the_mean_once(weights: Weights) -> None:
    x = rows(100, weights.input_width)
    before = reference.infer(x, weights)
    after = reference.infer(x, in_units(weights, MEAN, DEVIATION))

    # Of each output within float32 rounding of the largest number in its sum.
    allowed = 1e-6 * (MEAN.abs() + 10 * DEVIATION)
    expected = MEAN + DEVIATION * before.logits
    assert ((after.logits - expected).abs() <= allowed).all()
    assert torch.equal(after.leaf, before.leaf)
    assert torch.equal(after.margin, before.margin)


@pytest.mark.parametrize("weights", NETWORKS.values(), ids=NETWORKS)
def test_without_a_mean_powers_of_two_are_exact(weights: Weights) -> None:
    x, deviation = rows(100, weights.input_width), torch.tensor([4.0, 0.5, 1.0])
    before = build_backend(weights, CPU).infer(x).logits
    after = build_backend(in_units(weights, torch.zeros(3), deviation), CPU).infer(x).logits

    assert torch.equal(after, deviation * before)


def test_the_mixture_of_all_leaves_is_in_units_too() -> None:
    weights, x = tree(12, 3, 4, 3, m=6), rows(100, 12)
    scaled = in_units(weights, MEAN, DEVIATION)
    before, after = (FFF.from_weights(each).soft(x).logits for each in (weights, scaled))

    assert torch.allclose(after.double(), MEAN + DEVIATION * before, rtol=1e-5, atol=1e-5)


def test_what_was_given_stays_as_it_is_and_keeps_its_dtype() -> None:
    weights = tree(12, 3, 4, 3, m=6)
    before = {name: tensor.clone() for name, tensor in weights.tensors().items()}
    scaled = in_units(weights, MEAN, DEVIATION)

    assert all(torch.equal(tensor, before[name]) for name, tensor in weights.tensors().items())
    assert all(tensor.dtype == torch.float32 for tensor in scaled.tensors().values())


def test_weights_in_units_are_rounded_to_float32_once() -> None:
    """`b2 * deviation + mean` in float32 would round the product first."""
    weights = dense(12, 9, 3)
    mean, deviation = MEAN, torch.full((3,), 1 / 3, dtype=torch.float64)
    exact = weights.b2.double() * deviation + mean

    assert torch.equal(in_units(weights, mean, deviation).b2, exact.float())


@pytest.mark.parametrize("m", [0, 6])
def test_leaves_without_an_output_bias_are_refused(m: int) -> None:
    weights: FFFWeights = tree(12, 2, 4, 3, m=m, leaf_output_bias=False)

    with pytest.raises(ValueError, match="leaf_output_bias, cannot hold a mean"):
        in_units(weights, MEAN, DEVIATION)


def test_another_number_of_outputs_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"mean must be \[3\], got \[2\]"):
        in_units(dense(12, 9, 3), MEAN[:2], DEVIATION)
    with pytest.raises(ShapeError, match=r"deviation must be \[3\], got \[3, 1\]"):
        in_units(dense(12, 9, 3), MEAN, DEVIATION[:, None])


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="deviation must be finite, got"):
        in_units(dense(12, 9, 3), MEAN, torch.tensor([1.0, wrong, 1.0]))
