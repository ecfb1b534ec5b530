"""
A network that was trained on standardised targets, giving values in their own units.

Covered:      every kind of network, by its output layer (`fff.output_layer`), so that a row costs
              what it did. Of an FFF every leaf and the master leaf are in units then: its output is
              `s * leaf + (1 - s) * master`, so it is in units too, with the mean once. Of a mixture
              every expert is, and their shares sum to 1.
Not covered:  standardised inputs (`training.coordinates`); which mean and deviation.
"""

from torch import Tensor

from fff.output_layer import W, with_outputs
from fff.shapes import expect
from fff.weights import FFFWeights


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
    scale, shift = deviation.double(), mean.double()
    return with_outputs(
        weights,
        weight=lambda w: (w.double() * scale).to(w),
        bias=lambda b: (b.double() * scale + shift).to(b),
    )
