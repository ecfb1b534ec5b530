"""Fitting one feedforward layer to what the twin's answers, on a sample of tokens."""

import torch

from training.cycle import rate_of_cycle
from training.errors import Diverged
from training.vision.planting import plant
from training.vision.recipe import VisionRecipe
from training.vision.tokens import Tokens
from training.vision.transformer import FeedForward, GatedFFF

_BATCH_TOKENS = 1024
_ROUTING_SHARE = 0.85  # of the steps; in the others leaves learn as they are served


def fit_layer(layer: FeedForward, tokens: Tokens, recipe: VisionRecipe) -> float:
    """
    Fit a layer by least squares; of an FFF the routers too, by a gate that hardens.

    Tokens are drawn by torch's generator.

    Args:
        layer: An FFF is planted first.
        tokens: What it will be given, and should answer.
        recipe: Steps, rate, the gate's temperatures.

    Returns:
        Squared error in the last tenth of the steps, of the answers' variance.

    Raises:
        Diverged: If that is not a number.
    """
    if isinstance(layer, GatedFFF):
        plant(layer, tokens)
    optimiser = torch.optim.AdamW(layer.parameters(), weight_decay=0.0, fused=True)
    variance = tokens.answered.var(0).sum().clamp_min(1e-12)
    errors: list[float] = []
    layer.train()
    for step in range(recipe.layer_steps):
        share = step / recipe.layer_steps
        for group in optimiser.param_groups:
            group["lr"] = rate_of_cycle(recipe.layer_learning_rate, share)
        if isinstance(layer, GatedFFF):
            layer.temperature = _temperature(recipe, share / _ROUTING_SHARE)
        rows = torch.randint(len(tokens.given), (_BATCH_TOKENS,))
        missed = layer(tokens.given[rows]) - tokens.answered[rows]
        error = missed.square().sum(1).mean() / variance
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        errors.append(error.item())
    if isinstance(layer, GatedFFF):
        layer.temperature = None
    last = errors[-max(1, len(errors) // 10) :]
    reached = sum(last) / len(last)
    if not reached < float("inf"):
        raise Diverged(
            f"the error of a feedforward layer must stay a number, got {reached}; the usual cure "
            f"is a lower layer_learning_rate than {recipe.layer_learning_rate:g}"
        )
    return reached


def _temperature(recipe: VisionRecipe, share: float) -> float | None:
    """Falls geometrically while routing is learnt; None from then on."""
    if share >= 1:
        return None
    return recipe.temperature * float((recipe.final_temperature / recipe.temperature) ** share)
