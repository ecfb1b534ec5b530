"""
Training a vision transformer of any family: the twin from nothing, all others from the twin.

A network that begins as its twin costs a part of an epoch, not epochs: each feedforward layer is
fitted to the twin's on a sample of tokens, then the whole network learns from classes and twin,
each token computed by the leaf that is served.

Covered:      the same weights for the same recipe, data and seed on one machine and torch version;
              a twin trained once is kept for the other networks that begin as it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor

from evaluation.calibration import fit_temperature
from evaluation.dataset import Dataset, Pixels
from networks.run import Chain
from training.cache import Kept
from training.loop import repeatable
from training.vision.descent import Advance, Lessons, descend
from training.vision.layer_fit import fit_layer
from training.vision.recipe import VisionRecipe
from training.vision.rivals import rival
from training.vision.tokens import logits_of, sample_tokens
from training.vision.transformer import begin_as, feed_forwards, transformer

TWIN_FIELDS = (
    *("hidden_width", "patch", "token_width", "layers", "heads", "activation", "epochs"),
    *("learning_rate", "batch_images", "weight_decay", "validation_share"),
    *("uint8_scale", "uint8_shift"),
)
"""What of a recipe decides its twin."""


@dataclass(frozen=True, slots=True)
class Parts:
    """
    Images that a network learns from, and by which it is made as sure as it should be.

    Attributes:
        fitted: Learnt from.
        validation: Not learnt from.
        image: Channels, height and width.
        classes: `o`.
        data_sha256: Of all the training images.
    """

    fitted: Dataset
    validation: Dataset
    image: tuple[int, int, int]
    classes: int
    data_sha256: str

    def decoder(self, recipe: VisionRecipe) -> Callable[[Pixels], Tensor]:
        """From raw pixels, `[n, pixels]`, to what a recipe's network takes, `[n, c, h, w]`."""
        scaling = recipe.scaling
        return lambda pixels: torch.from_numpy(scaling.decode(pixels)).view(-1, *self.image)


@dataclass(frozen=True, slots=True)
class Fit:
    """
    A trained network.

    Attributes:
        network: In evaluation.
        known: Figures of the training alone, by name.
        seconds: That it took, without its twin's.
    """

    network: Chain
    known: dict[str, float]
    seconds: float


def fit_vision(
    parts: Parts, recipe: VisionRecipe, seed: int, advance: Advance, twin_advance: Advance
) -> Fit:
    """
    Train a recipe's network, and its twin if that has not been trained before.

    Args:
        parts: What is learnt from.
        recipe: Everything else.
        seed: Of all that is drawn.
        advance: Told of the network's steps.
        twin_advance: Told of its twin's.

    Raises:
        Diverged: If a loss is no longer a number.
    """
    known: dict[str, float] = {}
    if recipe.family == "dense":
        network, seconds = _twin(parts, recipe, seed, advance)
    else:
        twin, _ = _twin(parts, rival("dense", recipe), seed, twin_advance)
        start_s = perf_counter()
        with repeatable(seed):
            network, known = _from_twin(parts, recipe, twin, advance)
        seconds = perf_counter() - start_s
    network.eval()
    decode = parts.decoder(recipe)
    logits = logits_of(network, parts.validation.images, decode)
    temperature = fit_temperature(logits.numpy(), parts.validation.labels)
    with torch.no_grad():
        for parameter in network.get_submodule("head").parameters():
            parameter.div_(temperature)
    return Fit(network, known | {"logit_temperature": temperature}, seconds)


def _twin(parts: Parts, recipe: VisionRecipe, seed: int, advance: Advance) -> tuple[Chain, float]:
    """Train a dense network from nothing, or read the one that these images once gave; seconds."""
    its = recipe.fields()
    facts = {name: its[name] for name in TWIN_FIELDS}
    kept = Kept.of("vision", facts | {"seed": seed, "data_sha256": parts.data_sha256})
    with repeatable(seed):
        network = transformer(recipe, parts.image, parts.classes)
        known = kept.read()
        if known is not None:
            network.load_state_dict(known[0])
            return network, float(known[1]["seconds"])
        lessons, start_s = _lessons(parts, recipe), perf_counter()
        descend(network, lessons, recipe, recipe.epochs, recipe.learning_rate, advance)
        seconds = perf_counter() - start_s
    kept.write(network.state_dict(), {"seconds": str(seconds)})
    return network, seconds


def _from_twin(
    parts: Parts, recipe: VisionRecipe, twin: Chain, advance: Advance
) -> tuple[Chain, dict[str, float]]:
    network = transformer(recipe, parts.image, parts.classes)
    begin_as(network, twin)
    decode, images = parts.decoder(recipe), parts.fitted.images
    samples = sample_tokens(twin, images, decode, recipe.sample_tokens)
    known = {}
    for number, (layer, tokens) in enumerate(zip(feed_forwards(network), samples, strict=True), 1):
        known[f"layer_{number}_error"] = fit_layer(layer, tokens, recipe)
    taught = logits_of(twin, images, decode)
    lessons = _lessons(parts, recipe, taught)
    descend(network, lessons, recipe, recipe.tuning_epochs, recipe.tuning_learning_rate, advance)
    return network, known


def _lessons(parts: Parts, recipe: VisionRecipe, taught: Tensor | None = None) -> Lessons:
    labels = torch.from_numpy(parts.fitted.labels)
    return Lessons(parts.fitted.images, labels, parts.decoder(recipe), taught)
