"""A network that was trained in principal coordinates answers pixels as it answered those."""

import numpy as np
import pytest
import torch

from evaluation.dataset import Dataset
from evaluation.errors import DatasetError
from fff import reference
from networks.backends import build_backend
from tests.fff.networks import multilayer, raster
from tests.training.toys import OURS
from training.coordinates import principal_coordinates
from training.learners import Moment, build_learner
from training.material import coordinates_of
from training.ranges import FAMILIES

X = torch.randn(300, 9, generator=torch.Generator().manual_seed(0)) @ torch.randn(
    9, 9, generator=torch.Generator().manual_seed(1)
) + torch.arange(9.0)


@pytest.mark.parametrize("components", [9, 4])
@pytest.mark.parametrize("family", FAMILIES)
def test_folding_changes_the_input_and_no_answer(family: str, components: int) -> None:
    torch.manual_seed(2)
    coordinates = principal_coordinates(X, components)
    learner = build_learner(OURS.override({"family": family}), components, 4)
    for name, parameter in learner.network.named_parameters():
        if name == "gate_weight":  # begins at 0
            torch.nn.init.normal_(parameter)
    folded = coordinates.fold(learner.weights())
    seen, pixels = (
        build_backend(weights, torch.device("cpu"), "torch").infer(x)
        for weights, x in ((learner.weights(), coordinates.of(X)), (folded, X))
    )

    assert folded.input_width == 9
    torch.testing.assert_close(pixels.logits, seen.logits, atol=1e-4, rtol=1e-4)
    assert (pixels.leaf != seen.leaf).sum() <= 0.01 * seen.leaf.numel()


def test_a_perceptron_is_folded_unless_fourier_features_come_first() -> None:
    coordinates = principal_coordinates(X, 4)
    weights = multilayer(4, (7, 5), 3)

    folded = coordinates.fold(weights)

    seen = reference.infer(coordinates.of(X), weights).logits
    torch.testing.assert_close(reference.infer(X, folded).logits, seen, atol=1e-4, rtol=1e-4)
    for unfit in (multilayer(4, (7,), 3, features=2), raster((2, 2, 2, 2), 3)):
        with pytest.raises(ValueError, match="must begin with an affine layer to be folded"):
            coordinates.fold(unfit)


def test_coordinates_are_centred_apart_and_ordered_by_what_they_explain() -> None:
    z = principal_coordinates(X, 9).of(X).double()
    covariance = z.T @ z / len(z)

    torch.testing.assert_close(z.mean(0), torch.zeros(9, dtype=torch.double), atol=1e-5, rtol=0)
    torch.testing.assert_close(covariance, covariance.diag().diag(), atol=1e-5, rtol=0, msg="apart")
    assert covariance.diag().tolist() == sorted(covariance.diag().tolist(), reverse=True)
    assert covariance.diag().mean().item() == pytest.approx(1, rel=1e-4)


def test_images_too_large_for_coordinates_are_refused_with_what_to_do() -> None:
    wide = Dataset(np.zeros((2, 8193), np.uint8), np.arange(2), "photos")

    with pytest.raises(DatasetError, match=r"^photos: .* 8192 .* got 8193; .*--image-size.*nts=0$"):
        coordinates_of(OURS, wide)
    assert coordinates_of(OURS.override({"components": 0}), wide) is None


def test_rows_that_are_all_alike_have_coordinates_too() -> None:
    z = principal_coordinates(torch.ones(5, 3), 2).of(torch.ones(5, 3))

    assert torch.equal(z, torch.zeros(5, 2))


def test_what_is_served_is_as_firm_as_what_was_learnt() -> None:
    """The exported scores are the network's divided by the last temperature."""
    learner = build_learner(OURS, 9, 4)
    weights = learner.weights()
    learner.network.train()
    frozen = learner.answer(X, Moment(1, 0.99)).logits
    served = build_backend(weights, torch.device("cpu"), "torch").infer(X).logits

    torch.testing.assert_close(served, frozen, atol=1e-5, rtol=1e-5)
