"""
A network whose logits are divided by a temperature, with nothing added to what a row costs.

Covered:      every kind of network. Its logits are linear in the weights `w2` and the biases `b2`
              of the output layer, so these are divided: of an FFF those of every leaf and of the
              master leaf. What routes a row, mixes leaves or comes before stays, and so do leaves
              and margins.
Not covered:  which temperature (`evaluation.calibration`).
"""

from dataclasses import replace
from typing import TypeVar

from fff.weights import FFFWeights, Weights

W = TypeVar("W", bound=Weights)


def divide_logits(weights: W, temperature: float) -> W:
    """
    Return the network whose softmax is that of its logits divided by `temperature`.

    The class of every row stays, but for logits that differ by less than float32 can tell.

    Raises:
        ValueError: If the temperature is not above 0, and finite.
    """
    if not 0 < temperature < float("inf"):
        raise ValueError(f"a temperature above 0 was expected, got {temperature}")
    divided = replace(weights, w2=weights.w2 / temperature, b2=weights.b2 / temperature)
    if isinstance(divided, FFFWeights) and divided.master is not None:
        return replace(divided, master=divide_logits(divided.master, temperature))
    return divided
