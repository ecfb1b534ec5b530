"""What the feedforward layers of a network are given, and what they answer: a sample of tokens."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from evaluation.dataset import Pixels
from networks import PositionEmbedding
from networks.run import Chain
from training.vision.transformer import feed_forwards

CHUNK_IMAGES = 250
"""That a network computes at once where nothing is learnt: what they take stays in the cache."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """
    Of one layer.

    Attributes:
        given: `[n, i]`.
        answered: `[n, o]`.
    """

    given: Tensor
    answered: Tensor


@torch.inference_mode()
def logits_of(network: Chain, images: Pixels, decode: Callable[[Pixels], Tensor]) -> Tensor:
    """
    Compute images, `[n, pixels]`, as they are served.

    Args:
        network: In evaluation meanwhile.
        images: Raw.
        decode: From raw pixels to the network's input, `[n, c, h, w]`.

    Returns:
        `[n, o]`.
    """
    network.eval()
    chunks = range(0, len(images), CHUNK_IMAGES)
    return torch.cat([network(decode(images[at : at + CHUNK_IMAGES])) for at in chunks])


def sample_tokens(
    network: Chain, images: Pixels, decode: Callable[[Pixels], Tensor], most: int
) -> list[Tokens]:
    """
    Draw tokens of each feedforward layer, by torch's generator.

    Args:
        network: That is asked.
        images: Raw, `[n, pixels]`, of which a half of each one's tokens is taken, or fewer.
        decode: From raw pixels to the network's input.
        most: Tokens of a layer, about.
    """
    layers = feed_forwards(network)
    given: list[list[Tensor]] = [[] for _ in layers]
    answered: list[list[Tensor]] = [[] for _ in layers]
    picked = torch.zeros(0, dtype=torch.int64)

    def keep(number: int) -> Callable[[nn.Module, tuple[Tensor], Tensor], None]:
        def hook(module: nn.Module, x: tuple[Tensor], y: Tensor) -> None:
            given[number].append(x[0].flatten(0, 1)[picked])
            answered[number].append(y.flatten(0, 1)[picked])

        return hook

    hooks = [layer.register_forward_hook(keep(number)) for number, layer in enumerate(layers)]
    try:
        network.eval()
        (places,) = [
            m.weight.shape[0] for m in network.modules() if isinstance(m, PositionEmbedding)
        ]
        drawn = torch.randperm(len(images))[: -(-2 * most // places)].numpy()
        for at in range(0, len(drawn), CHUNK_IMAGES):
            chunk = images[drawn[at : at + CHUNK_IMAGES]]
            tokens = len(chunk) * places
            picked = torch.randperm(tokens)[: -(-tokens // 2)]
            with torch.no_grad():
                network(decode(chunk))
    finally:
        for each in hooks:
            each.remove()
    return [Tokens(torch.cat(x), torch.cat(y)) for x, y in zip(given, answered, strict=True)]
