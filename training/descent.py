"""
Gradient descent on samples: of all epochs the one that is best on the rows held out.

Covered:      values, by mean squared error, and classes, by cross entropy; one cycle of a rate that
              rises, then falls to 0.
Not covered:  images, their views and teachers (`training.loop`); which networks there are.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.errors import Diverged

Advance = Callable[[int, int], None]
"""Told how many epochs of how many are done."""

_WARM_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Rows:
    """
    Rows and what is right for them.

    Attributes:
        x: `[n, i]`, float32.
        y: Values, `[n, o]`, float32, or classes, `[n]`, int64.
    """

    x: Tensor
    y: Tensor

    def loss(self, outputs: Tensor, rows: Tensor | None = None) -> Tensor:
        """Mean loss of the outputs for some rows, by their numbers, or for all."""
        right = self.y if rows is None else self.y[rows]
        return (F.mse_loss if right.ndim == 2 else F.cross_entropy)(outputs, right)


@dataclass(frozen=True, slots=True)
class Descent:
    """
    How far and how fast.

    Attributes:
        epochs: Times that every row is seen.
        batch_rows: Rows of a step.
        learning_rate: The highest.
        weight_decay: AdamW's.
    """

    epochs: int
    batch_rows: int
    learning_rate: float
    weight_decay: float = 0.0


def descend(
    network: nn.Module, learnt: Rows, judged: Rows, descent: Descent, what: str, advance: Advance
) -> float:
    """
    Train a network, and leave it as it was after the epoch that did best on the held-out rows.

    What is drawn is drawn by torch's generator.

    Args:
        network: `[n, i]` to `[n, o]`.
        learnt: Rows to learn from.
        judged: Rows that say which epoch is kept.
        descent: Epochs, rate.
        what: The network's name in messages.
        advance: Told of epochs.

    Returns:
        Its loss on the held-out rows.

    Raises:
        Diverged: If that is a number in no epoch.
    """
    steps = descent.epochs * -(-len(learnt.x) // descent.batch_rows)
    optimiser = torch.optim.AdamW(
        [each for each in network.parameters() if each.requires_grad],
        descent.learning_rate,
        weight_decay=descent.weight_decay,
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, descent.learning_rate, steps, pct_start=_WARM_SHARE, cycle_momentum=False
    )
    best, least = _state(network), float("inf")
    for epoch in range(1, descent.epochs + 1):
        network.train()
        for rows in torch.split(torch.randperm(len(learnt.x)), descent.batch_rows):
            loss = learnt.loss(network(learnt.x[rows]), rows)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            optimiser.step()
            schedule.step()
        network.eval()
        with torch.inference_mode():
            error = float(judged.loss(network(judged.x)))
        if error < least:
            best, least = _state(network), error
        advance(epoch, descent.epochs)
    if not np.isfinite(least):
        raise Diverged(
            f"the loss of {what} must stay a number; the usual cure is a lower learning_rate than "
            f"{descent.learning_rate:g}"
        )
    network.load_state_dict(best)
    return least


def _state(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}
