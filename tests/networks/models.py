"""Small networks of every block, with weights that are drawn, and rows for them."""

import torch
from torch import Tensor, nn

from fff.beta import FFFBeta
from fff.layers import FFF, Dense
from networks import (
    ActivationFunction,
    Attention,
    PatchEmbedding,
    Pooling,
    PositionEmbedding,
    Residual,
)
from networks.weights import NetworkWeights

IMAGE = (1, 6, 6)


def vision_transformer(depth: int = 3, leaf_width: int = 2, master_width: int = 0) -> nn.Sequential:
    """One block of attention and an FFF, or with depth -1 a dense layer, over four patches."""
    torch.manual_seed(depth + leaf_width)
    width = 8
    feedforward: nn.Module = Dense(width, width, 16, "gelu")
    if depth >= 0:
        feedforward = FFF(width, width, depth, leaf_width, "gelu", master_width)
    return nn.Sequential(
        PatchEmbedding(IMAGE, 3, width),
        PositionEmbedding(4, width),
        Residual(nn.LayerNorm(width), Attention(width, 2)),
        Residual(nn.LayerNorm(width), feedforward),
        nn.LayerNorm(width),
        Pooling(),
        nn.Linear(width, 5),
    ).eval()


def stack(*widths: int) -> nn.Sequential:
    """An FFF from each width to the next, of rows."""
    torch.manual_seed(len(widths))
    pairs = list(zip(widths, widths[1:], strict=False))
    return nn.Sequential(*(FFF(i, o, depth, 3) for depth, (i, o) in enumerate(pairs, 1))).eval()


def vit_weights() -> NetworkWeights:
    """Of `vision_transformer`."""
    return NetworkWeights.of(vision_transformer(), IMAGE)


def stack_weights() -> NetworkWeights:
    """Three layers, 6 -> 7 -> 8 -> 4."""
    return NetworkWeights.of(stack(6, 7, 8, 4), (6,))


def beta_weights() -> NetworkWeights:
    """Tokens in three trees of neurons, and behind them a row in one."""
    torch.manual_seed(3)
    model = nn.Sequential(
        PatchEmbedding(IMAGE, 2, 8),
        Residual(nn.LayerNorm(8), FFFBeta(8, 8, depth=2, trees=3)),
        Pooling("first"),
        nn.Linear(8, 6),
        ActivationFunction("tanh"),
        FFFBeta(6, 4, depth=3),
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.7)
    return NetworkWeights.of(model.eval(), IMAGE)


def examples(n: int, weights: NetworkWeights, seed: int = 0) -> Tensor:
    """Normal examples, `[n, i]`."""
    return torch.randn(n, weights.input_width, generator=torch.Generator().manual_seed(seed))
