"""
Training a network on a table's rows: a tree is grown first, if it has one.

Covered:      values, in units of each one's deviation, and classes, with honest confidence; the
              same weights for the same recipe, data and seed on one machine and torch version.
Not covered:  routers that learn (docs/decisions/0022-tables.md).
"""

from dataclasses import replace

import numpy as np
import torch

from evaluation.calibration import fit_temperature
from evaluation.regression import computed
from evaluation.samples import Samples
from fff.output_scale import in_units
from fff.temperature import divide_logits
from fff.weights import Weights
from networks.backends import build_backend
from training.descent import Advance, Descent, Rows, descend
from training.field.tree import grow
from training.table.networks import Network, Planted, draw_rival
from training.table.recipe import TableRecipe


def fit_table(
    fitted: Samples, validation: Samples, recipe: TableRecipe, advance: Advance
) -> tuple[Weights, dict[str, float]]:
    """
    Train a recipe's network; of an FFF every depth that is asked for.

    What is drawn is drawn by torch's generator.

    Args:
        fitted: Rows to learn from.
        validation: Rows that say which epoch and depth are kept, and how sure to be.
        recipe: Everything else.
        advance: Told of epochs, of all depths.

    Returns:
        Weights in the units of the samples, and what is known of the training.

    Raises:
        Diverged: If the loss is no longer a number.
    """
    mean, deviation = _scale(fitted)
    learnt, judged = (_rows(of, mean, deviation) for of in (fitted, validation))
    descent = Descent(recipe.epochs, recipe.batch_rows, recipe.learning_rate, recipe.weight_decay)
    depths = [recipe.depth]
    if recipe.family == "fff":
        depths = [*range(min(recipe.least_depth, recipe.depth), recipe.depth + 1)]
    found: list[tuple[float, int, Network]] = []
    for place, depth in enumerate(depths):

        def further(epoch: int, epochs: int, before: int = place) -> None:
            advance(before * epochs + epoch, len(depths) * epochs)

        network = _draw(fitted, learnt, replace(recipe, depth=depth))
        loss = descend(network, learnt, judged, descent, recipe.family, further)
        found.append((loss, depth, network))
    _, _, best = min(found, key=lambda each: each[:2])
    known = {}
    if recipe.family == "fff":
        known = {f"validation_loss_at_depth_{depth}": loss for loss, depth, _ in found}
    if fitted.task == "regression":
        return in_units(best.weights(), mean, deviation), known
    weights, temperature = _calibrated(best.weights(), validation)
    return weights, known | {"logit_temperature": temperature}


def _draw(fitted: Samples, learnt: Rows, recipe: TableRecipe) -> Network:
    inputs, outputs = fitted.x.shape[1], fitted.output_width
    if recipe.family != "fff":
        return draw_rival(recipe, inputs, outputs)
    values = learnt.y.numpy().astype(np.float64)
    if fitted.task == "classification":
        values = np.eye(outputs)[learnt.y.numpy()]
    tree = grow(fitted.x, values, recipe.depth, recipe.splits, recipe.least_rows)
    return Planted(recipe, tree, outputs)


def _scale(fitted: Samples) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of each value, `[o]`, float64; of classes none, `[0]`."""
    if fitted.task == "classification":
        return torch.zeros(0), torch.zeros(0)
    mean, deviation = (
        torch.from_numpy(part(fitted.y, 0, np.float64)) for part in (np.mean, np.std)
    )
    deviation[deviation == 0] = 1
    return mean, deviation


def _rows(samples: Samples, mean: torch.Tensor, deviation: torch.Tensor) -> Rows:
    y = torch.from_numpy(samples.y)
    if samples.task == "regression":
        y = ((y - mean) / deviation).float()
    return Rows(torch.from_numpy(samples.x), y)


def _calibrated(weights: Weights, validation: Samples) -> tuple[Weights, float]:
    outputs, _ = computed(build_backend(weights, torch.device("cpu")), validation.x)
    temperature = fit_temperature(outputs, validation.labels)
    return divide_logits(weights, temperature), temperature
