"""
A network whose logits are divided by a temperature, with nothing added to what a row costs.

Covered:      every kind of network, by its output layer (`fff.output_layer`).
Not covered:  which temperature (`evaluation.calibration`).
"""

from torch import Tensor

from fff.output_layer import W, with_outputs


def divide_logits(weights: W, temperature: float) -> W:
    """
    Return the network whose softmax is that of its logits divided by `temperature`.

    The class of every row stays, but for logits that differ by less than float32 can tell.

    Raises:
        ValueError: If the temperature is not above 0, and finite.
    """
    if not 0 < temperature < float("inf"):
        raise ValueError(f"a temperature above 0 was expected, got {temperature}")

    def divided(outputs: Tensor) -> Tensor:
        return outputs / temperature

    return with_outputs(weights, divided, divided)
