"""
A network that was trained on standardised targets, giving values in their own units.

Covered:      every kind of network. Its outputs are linear in the weights `w2` and the biases `b2`
              of the output layer, so units are folded into these, and a row costs what it did. Of
              an FFF they go into every leaf and the master leaf: its output is `s * leaf +
              (1 - s) * master`, so both in units make one in units, with the mean once. Of a
              mixture they go into every expert, whose shares sum to 1.
Not covered:  standardised inputs (`training.coordinates`); which mean and deviation.
"""

from dataclasses import replace
from typing import TypeVar

from torch import Tensor

from fff.shapes import expect
from fff.weights import FFFWeights, Weights

W = TypeVar("W", bound=Weights)


def in_units(weights: W, mean: Tensor, deviation: Tensor) -> W:
    """
    Return the network whose outputs are `mean + deviation * output`.

    Args:
        weights: Of outputs in deviations from the mean; float32. Left as they are.
        mean: Of each output in its own unit, `[o]`, of any float dtype.
        deviation: Likewise, `[o]`.

    Returns:
        Weights computed in float64 and rounded once, to the dtype of those given.

    Raises:
        ShapeError: If the mean or the deviation is not `[o]`.
        ValueError: If one of their numbers is not finite; or of an FFF whose leaves leave their
            output bias out, since nothing of a leaf could hold the mean then.
    """
    for what, of_outputs in (("mean", mean), ("deviation", deviation)):
        expect(what, of_outputs, (weights.output_width,))
        if not of_outputs.isfinite().all():
            raise ValueError(f"{what} must be finite, got {of_outputs.tolist()}")
    if isinstance(weights, FFFWeights) and not weights.leaf_output_bias:
        raise ValueError("an FFF that leaves out b2, its leaf_output_bias, cannot hold a mean")
    scaled = replace(
        weights,
        w2=(weights.w2.double() * deviation.double()).to(weights.w2),
        b2=(weights.b2.double() * deviation.double() + mean.double()).to(weights.b2),
    )
    if isinstance(scaled, FFFWeights) and scaled.master is not None:
        return replace(scaled, master=in_units(scaled.master, mean, deviation))
    return scaled
