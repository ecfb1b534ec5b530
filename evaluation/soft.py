"""The papers' mixture: every row by all leaves, each by its share, as networks are trained."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from evaluation.dataset import Labels
from evaluation.idx import Bytes
from evaluation.progress import Progress, no_progress
from fff.layers import FFF
from fff.weights import FFFWeights
from model_store.manifest import Uint8Scaling
from networks.weights import AnyWeights, NetworkWeights

# Floats that one chunk may put into a layer: 64 MiB; a soft pass holds about three times that.
CHUNK_FLOATS = 1 << 24
CHUNK_ROWS = 8192


def chunks(images: Bytes, floats_per_row: int, progress: Progress) -> Iterator[Bytes]:
    """Cut images, `[n, i]`, so that what a row takes stays in bounds."""
    rows = max(1, min(CHUNK_ROWS, CHUNK_FLOATS // floats_per_row))
    for start in range(0, len(images), rows):
        progress(start, len(images))
        yield images[start : start + rows]


class SoftNetwork:
    """
    A network whose layers mix their leaves by the product of the sigmoid decisions on their paths.

    Args:
        weights: Of a layer, or of blocks with such layers inside.
    """

    def __init__(self, weights: FFFWeights | NetworkWeights):
        self._shape: tuple[int, ...] = (weights.input_width,)
        if isinstance(weights, FFFWeights):
            self._module: nn.Module = FFF.from_weights(weights)
            floats = weights.leaves * max(weights.leaf_width, 2)
        else:
            # A copy: the modes that are set below are the checkpoint's no more.
            own = weights.moved_to(torch.device("cpu"))
            self._module, self._shape = own.modules, own.input_shape
            floats = sum(_soft_floats(weights, layer.name, layer.rows) for layer in weights.layers)
        for module in self._module.modules():
            module.train(isinstance(module, FFF))
        self.floats_per_row = floats + weights.input_width

    @torch.inference_mode()
    def logits(self, x: Tensor) -> Tensor:
        """`[n, i]` to `[n, o]`, float32."""
        mixed: Tensor = self._module(x.view(-1, *self._shape))
        return mixed


def _soft_floats(weights: NetworkWeights, name: str, rows: int) -> int:
    layer = weights.layer(name)
    if isinstance(layer, FFFWeights):
        return rows * layer.leaves * max(layer.leaf_width, 2)
    return rows * layer.trees * layer.nodes  # hard in any mode, over all of its neurons


def routes(weights: AnyWeights) -> bool:
    """Whether the mixture is another answer than the one served."""
    return isinstance(weights, FFFWeights) or (
        isinstance(weights, NetworkWeights) and bool(weights.layers)
    )


def soft_classes(
    weights: AnyWeights, scaling: Uint8Scaling, images: Bytes, progress: Progress = no_progress
) -> Labels:
    """Class of every image by the mixture of all leaves, `[n]`, int64; `routes` must say yes."""
    assert isinstance(weights, FFFWeights | NetworkWeights), "it has no leaves. This is a bug."
    network = SoftNetwork(weights)
    parts = chunks(images, network.floats_per_row, progress)
    scaled = (torch.from_numpy(scaling.decode(part)) for part in parts)
    return np.concatenate([network.logits(x).argmax(1).numpy() for x in scaled])
