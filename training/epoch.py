"""What is told of a training run after every epoch."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Epoch:
    """
    One epoch that has been trained and judged.

    Attributes:
        model: Name of the model in training.
        number: The epoch's, counted from 1.
        epochs: Most epochs that will be trained.
        loss: Mean training loss over the epoch's rows.
        hardening: Mean entropy of the decisions, in nats; 0 for a network without, or once frozen.
        regularisation: Part of the views and the teacher that it had, 0 to 1
            (`training.regularisation`).
        fitted_accuracy: Hard accuracy on as many of the rows that are learnt from, as they are.
        validation_accuracy: Hard accuracy on the held-out rows.
        kept: Whether it is the best so far on the held-out rows; with `one_cycle`, whether it is
            the last.
    """

    model: str
    number: int
    epochs: int
    loss: float
    hardening: float
    regularisation: float
    fitted_accuracy: float
    validation_accuracy: float
    kept: bool


Progress = Callable[[Epoch], None]
