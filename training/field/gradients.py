"""
Training a field's rivals by gradients, on the rows that its FFF learns from.

Covered:      one hidden layer, several, Fourier features, sines; of the epochs, the one that is
              best on the held-out rows.
Not covered:  which rivals there are (`training.field.rivals`).
"""

import numpy as np
import torch

from evaluation.samples import Samples
from fff.layers import Dense
from fff.output_scale import in_units
from fff.perceptron import Multilayer
from fff.weights import Weights
from training.descent import Advance, Descent, Rows, descend
from training.field.recipe import FieldRecipe

Network = Dense | Multilayer


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
    learnt, judged = (
        Rows(torch.from_numpy(of.x), ((torch.from_numpy(of.y) - mean) / deviation).float())
        for of in (fitted, validation)
    )
    network = _draw(recipe, fitted.x.shape[1], fitted.output_width)
    descent = Descent(recipe.epochs, recipe.batch_rows, recipe.learning_rate)
    descend(network, learnt, judged, descent, recipe.family, advance)
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
