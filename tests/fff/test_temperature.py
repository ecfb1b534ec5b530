import pytest
import torch

from fff.layers import FFF
from fff.temperature import divide_logits
from fff.weights import FFFWeights, Weights
from networks.backends import build_backend
from tests.fff.networks import dense, low_rank, mixture, multilayer, raster, rows, tree

NETWORKS: dict[str, Weights] = {
    "dense": dense(12, 9, 5),
    "tree": tree(12, 3, 4, 5),
    "one-leaf": tree(12, 0, 4, 5),
    "master": tree(12, 3, 4, 5, m=6),
    "low-rank": low_rank(12, 3, 9, 5),
    "mixture": mixture(12, 4, 3, 5, k=2),
    "multilayer": multilayer(12, (9, 8), 5, features=4),
    "tie-and-no-bias": tree(12, 2, 4, 5, m=3, tie="gt", leaf_output_bias=False),
}
X = rows(500, 12)
CPU = torch.device("cpu")


@pytest.mark.parametrize("weights", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_probabilities_are_those_of_the_logits_divided(
    weights: Weights, temperature: float
) -> None:
    before = build_backend(weights, CPU).infer(X)
    after = build_backend(divide_logits(weights, temperature), CPU).infer(X)

    assert torch.allclose(after.logits, before.logits / temperature, rtol=1e-5, atol=1e-5)
    assert torch.equal(after.leaf, before.leaf)
    assert torch.equal(after.margin, before.margin)
    assert torch.equal(after.logits.argmax(1), before.logits.argmax(1))


@pytest.mark.parametrize("weights", NETWORKS.values(), ids=NETWORKS)
def test_by_a_power_of_two_it_is_exact(weights: Weights) -> None:
    before, after = (
        build_backend(each, CPU).infer(X).logits for each in (weights, divide_logits(weights, 4))
    )

    assert torch.equal(after, before / 4)


def test_values_of_a_raster_are_divided() -> None:
    weights, x = raster((4, 3), 5), rows(100, 2)
    before, after = (
        build_backend(each, CPU).infer(x).logits for each in (weights, divide_logits(weights, 4))
    )

    assert torch.equal(after, before / 4)


def test_the_mixture_of_all_leaves_is_divided_too() -> None:
    weights = tree(12, 3, 4, 5, m=6)
    divided = divide_logits(weights, 3)
    assert isinstance(divided, FFFWeights)
    before, after = (FFF.from_weights(each).soft(X).logits for each in (weights, divided))

    assert torch.allclose(after, before / 3, rtol=1e-5, atol=1e-5)


def test_what_was_given_stays_as_it_is() -> None:
    weights = tree(12, 3, 4, 5, m=6)
    before = {name: tensor.clone() for name, tensor in weights.tensors().items()}
    divide_logits(weights, 2)

    assert all(torch.equal(tensor, before[name]) for name, tensor in weights.tensors().items())


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_temperature_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match=f"a temperature above 0 was expected, got {temperature}"):
        divide_logits(dense(3, 2, 2), temperature)
