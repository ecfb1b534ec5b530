"""What a manifest says of a network's weights, and the network that a manifest and tensors make."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from fff.low_rank import LowRankWeights
from fff.mixture import MixtureWeights
from fff.multilayer import MultilayerWeights
from fff.raster import RasterWeights
from fff.weights import FeedForwardWeights, FFFWeights
from model_store.manifest import (
    DenseManifest,
    FFFManifest,
    LowRankManifest,
    Manifest,
    MixtureManifest,
    MultilayerManifest,
    NetworkManifest,
    RasterManifest,
)
from networks.weights import AnyWeights, NetworkWeights

_FIELDS: dict[type[AnyWeights], tuple[str, ...]] = {
    FFFWeights: (
        *("activation", "depth", "leaf_width", "master_width"),
        *("tie", "leaf_output_bias"),
    ),
    FeedForwardWeights: ("activation", "hidden_width"),
    LowRankWeights: ("activation", "hidden_width", "rank"),
    MixtureWeights: ("activation", "experts", "expert_width", "top_k"),
    MultilayerWeights: ("activation", "hidden_widths", "fourier_features"),
    RasterWeights: ("shape",),
    NetworkWeights: ("blocks", "input_shape"),
}
"""Of each kind, beside those of all."""


def describe(weights: AnyWeights) -> dict[str, Any]:
    """The manifest fields that follow from a network's weights; `Store.load` compares them."""
    common = ("kind", "input_width", "output_width")
    fields = {name: getattr(weights, name) for name in (*common, *_FIELDS[type(weights)])}
    if isinstance(weights, NetworkWeights):
        fields |= {"blocks": weights.described, "input_shape": list(weights.input_shape)}
    return fields


def weights_from(manifest: Manifest, tensors: Mapping[str, Tensor]) -> AnyWeights:
    """
    Build a network of the manifest's kind from named tensors.

    Raises:
        fff.weights.ShapeError: If a tensor is missing or does not fit the others.
        networks.block.BlockError: A block that is not known, or wrong.
    """
    match manifest:
        case FFFManifest(activation=activation, tie=tie, leaf_output_bias=leaf_output_bias):
            return FFFWeights.from_tensors(tensors, activation, tie, leaf_output_bias)
        case DenseManifest(activation=activation):
            return FeedForwardWeights.from_tensors(tensors, activation)
        case LowRankManifest(activation=activation):
            return LowRankWeights.from_tensors(tensors, activation)
        case MixtureManifest(activation=activation, top_k=top_k):
            return MixtureWeights.from_tensors(tensors, activation, top_k)
        case MultilayerManifest(activation=activation):
            return MultilayerWeights.from_tensors(tensors, activation)
        case RasterManifest():
            return RasterWeights.from_tensors(tensors)
        case NetworkManifest(blocks=blocks, input_shape=input_shape):
            return NetworkWeights.from_tensors(tensors, blocks, input_shape)
