"""
A vision transformer put together of blocks that can be served (`networks`).

Pre-norm, as arXiv:2010.11929 has it, but that the tokens' mean goes to the head.
"""

from collections import OrderedDict

from torch import Tensor, nn

from fff.layers import FFF, Dense
from networks import Attention, PatchEmbedding, Pooling, PositionEmbedding, Residual
from networks.run import Chain
from training.gates import path_violation
from training.vision.recipe import VisionRecipe


class GatedFFF(FFF):
    """
    An FFF that learns to route by a gate; without a temperature it is computed as it is served.

    Attributes:
        temperature: Of the gate; None for the leaf that is served, alone.
    """

    temperature: float | None = None

    def forward(self, x: Tensor) -> Tensor:
        """`[..., i]` to `[..., o]`."""
        temperature = self.temperature
        if temperature is None:
            return self.hard(x).logits
        rows = x.reshape(-1, x.shape[-1])
        mixed = self.soft(rows, lambda scores: path_violation(scores, temperature).exp())
        return mixed.logits.view(*x.shape[:-1], -1)


FeedForward = Dense | GatedFFF


def transformer(recipe: VisionRecipe, image: tuple[int, int, int], classes: int) -> Chain:
    """
    Draw a recipe's network, by torch's generator.

    Args:
        recipe: Widths, layers.
        image: Channels, height and width.
        classes: `o`.

    Raises:
        ValueError: If patches do not fill the image.
    """
    width = recipe.token_width
    patches = PatchEmbedding(image, recipe.patch, width)
    length = image[1] // recipe.patch * (image[2] // recipe.patch)
    modules: OrderedDict[str, nn.Module] = OrderedDict(
        patches=patches, places=PositionEmbedding(length, width)
    )
    for number in range(1, recipe.layers + 1):
        modules[f"attention-{number}"] = _residual(width, Attention(width, recipe.heads))
        modules[f"feedforward-{number}"] = _residual(width, _feed_forward(recipe))
    modules |= {"norm": nn.LayerNorm(width), "pool": Pooling(), "head": nn.Linear(width, classes)}
    return Chain(modules)


def feed_forwards(network: Chain) -> list[FeedForward]:
    """The feedforward layers, in order."""
    return [each for each in network.modules() if isinstance(each, FeedForward)]


def begin_as(network: Chain, twin: Chain) -> None:
    """Take all of a twin over but for its feedforward layers."""
    its = {name: t for name, t in twin.state_dict().items() if not name.startswith("feedforward")}
    norms = {name: t for name, t in twin.state_dict().items() if ".norm." in name}
    network.load_state_dict(its | norms, strict=False)


def _residual(width: int, module: nn.Module) -> Residual:
    return Residual(OrderedDict(norm=nn.LayerNorm(width), layer=module))


def _feed_forward(recipe: VisionRecipe) -> FeedForward:
    width = recipe.token_width
    if recipe.family == "fff":
        return GatedFFF(width, width, recipe.depth, recipe.leaf_width, recipe.activation)
    hidden = recipe.leaf_width if recipe.family == "narrow" else recipe.hidden_width
    return Dense(width, width, hidden, recipe.activation)
