"""
Training a field's rivals by gradients, on the rows that its FFF learns from.

Covered:      one hidden layer, several, Fourier features, sines; of the epochs, the one that is
              best on the held-out rows.
Not covered:  which rivals there are (`training.field.rivals`).
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from evaluation.samples import Samples
from fff.layers import Dense
from fff.output_scale import in_units
from fff.perceptron import Multilayer
from fff.weights import Weights
from training.errors import Diverged
from training.field.recipe import FieldRecipe

Network = Dense | Multilayer
Advance = Callable[[int, int], None]
"""Told how many epochs of how many are done."""

_WARM_SHARE = 0.1


def fit_rival(
    fitted: Samples, validation: Samples, recipe: FieldRecipe, advance: Advance
) -> Weights:
    """
    Train a rival by Adam on mean squared error, in units of each value's deviation.

    What is drawn is drawn by torch's generator.

    Args:
        fitted: Rows to learn from; a regression.
        validation: Rows that say which epoch is kept.
        recipe: Family, shape, epochs, rate.
        advance: Told of epochs.

    Returns:
        Weights in the units of the samples.

    Raises:
        Diverged: If the loss is no longer a number.
    """
    mean, deviation = (
        torch.from_numpy(part(fitted.y, 0, np.float64)) for part in (np.mean, np.std)
    )
    deviation[deviation == 0] = 1
    x, held_out = torch.from_numpy(fitted.x), torch.from_numpy(validation.x)
    y, right = (
        ((torch.from_numpy(of.y) - mean) / deviation).float() for of in (fitted, validation)
    )
    network = _draw(recipe, fitted.x.shape[1], fitted.output_width)
    steps = recipe.epochs * -(-len(x) // recipe.batch_rows)
    optimiser = torch.optim.Adam(network.parameters(), recipe.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, steps, pct_start=_WARM_SHARE, cycle_momentum=False
    )
    best, least = {name: t.clone() for name, t in network.state_dict().items()}, float("inf")
    for epoch in range(1, recipe.epochs + 1):
        for rows in torch.split(torch.randperm(len(x)), recipe.batch_rows):
            loss = F.mse_loss(network(x[rows]), y[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            optimiser.step()
            schedule.step()
        with torch.inference_mode():
            error = float(F.mse_loss(network(held_out), right))
        if error < least:
            least = error
            best = {name: t.clone() for name, t in network.state_dict().items()}
        advance(epoch, recipe.epochs)
    if not np.isfinite(least):
        raise Diverged(
            f"the loss of {recipe.family} must stay a number; the usual cure is a lower "
            f"learning_rate than {recipe.learning_rate:g}"
        )
    network.load_state_dict(best)
    return in_units(network.weights(), mean, deviation)


def _draw(recipe: FieldRecipe, inputs: int, outputs: int) -> Network:
    if recipe.family == "dense":
        return Dense(inputs, outputs, recipe.hidden_width, recipe.activation)
    return Multilayer(
        inputs,
        outputs,
        [recipe.hidden_width] * recipe.hidden_layers,
        "sine" if recipe.family == "siren" else recipe.activation,
        recipe.fourier_features if recipe.family == "fourier" else 0,
        recipe.fourier_scale,
        recipe.frequency,
    )
