"""Small networks of blocks, with weights that no training made: rows, and images of 28 x 28."""

from collections import OrderedDict

import torch
from torch import nn

from fff.layers import FFF, Dense
from model_store.store import Store
from networks import Attention, PatchEmbedding, Pooling, PositionEmbedding, Residual
from networks.weights import NetworkWeights

WIDTH, CLASSES = 6, 3
IMAGE, TOKENS, LEAVES = (1, 28, 28), 49, 8
ORIGIN = {"how": "import", "format": "toy", "sha256": "0" * 64}
PIXELS = {"scale": 1 / 255, "shift": -0.5}


def stack() -> NetworkWeights:
    """Rows of 6 through layers `first`, of 4 leaves, and `second`, of 8."""
    torch.manual_seed(3)
    modules = OrderedDict(
        first=FFF(WIDTH, 8, 2, leaf_width=2),
        act=nn.ReLU(),
        second=FFF(8, 8, 3, leaf_width=2, master_width=2),
        head=nn.Linear(8, CLASSES),
    )
    return NetworkWeights.of(nn.Sequential(modules), (WIDTH,))


def dense_stack() -> NetworkWeights:
    """What takes and predicts the same, without a layer that routes."""
    torch.manual_seed(4)
    return NetworkWeights.of(nn.Sequential(nn.Linear(WIDTH, 8), nn.ReLU(), nn.Linear(8, 3)), (6,))


def vision_transformer(routes: bool = True, image: tuple[int, int, int] = IMAGE) -> NetworkWeights:
    """Two layers over patches of 4 x 4, 49 of 28 x 28; FFFs are `0-ff.feed` and `1-ff.feed`."""
    torch.manual_seed(5)
    width = 16
    modules: OrderedDict[str, nn.Module] = OrderedDict(
        patches=PatchEmbedding(image, 4, width), places=PositionEmbedding(TOKENS, width)
    )
    for layer in range(2):
        feed = FFF(width, width, 3, leaf_width=4) if routes else Dense(width, width, 32)
        mixing = OrderedDict(norm=nn.LayerNorm(width), attention=Attention(width, 2))
        modules[f"{layer}-attention"] = Residual(mixing)
        modules[f"{layer}-ff"] = Residual(OrderedDict(norm=nn.LayerNorm(width), feed=feed))
    modules |= {"pool": Pooling(), "head": nn.Linear(width, 10)}
    return NetworkWeights.of(nn.Sequential(modules), image)


def publish_all(store: Store) -> Store:
    """Both, each beside its dense twin: `stack`, `stack-dense`, `vit` and `vit-dense`."""
    store.publish("stack-dense", dense_stack(), origin=ORIGIN)
    reference = [[5] * layer.leaves for layer in stack().layers]
    own = {"baseline": "stack-dense", "reference_leaf_rows": reference}
    store.publish("stack", stack(), origin=ORIGIN, **own)
    images = {"origin": ORIGIN, "uint8": PIXELS}
    store.publish("vit-dense", vision_transformer(routes=False), **images)
    reference = [[TOKENS] * LEAVES] * 2
    own = {"baseline": "vit-dense", "reference_leaf_rows": reference}
    store.publish("vit", vision_transformer(), **images, **own)
    return store
