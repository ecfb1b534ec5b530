"""What a manifest says of a network's weights, and the network that a manifest and tensors make."""

from collections.abc import Mapping

from torch import Tensor

from fff.weights import FeedForwardWeights, FFFWeights, Weights
from model_store.manifest import DenseManifest, FFFManifest


def describe(weights: Weights) -> dict[str, int | str | bool]:
    """The manifest fields that follow from a network's weights; `Store.load` compares them."""
    common: dict[str, int | str | bool] = {
        "input_width": weights.input_width,
        "output_width": weights.output_width,
        "activation": weights.activation,
    }
    if isinstance(weights, FeedForwardWeights):
        return common | {"kind": "dense", "hidden_width": weights.hidden_width}
    return common | {
        "kind": "fff",
        "depth": weights.depth,
        "leaf_width": weights.leaf_width,
        "master_width": weights.master_width,
        "tie": weights.tie,
        "leaf_output_bias": weights.leaf_output_bias,
    }


def weights_from(
    manifest: FFFManifest | DenseManifest, tensors: Mapping[str, Tensor]
) -> FFFWeights | FeedForwardWeights:
    """
    Build a network of the manifest's kind from named tensors.

    Raises:
        fff.weights.ShapeError: If a tensor is missing or does not fit the others.
    """
    if isinstance(manifest, DenseManifest):
        return FeedForwardWeights.from_tensors(tensors, manifest.activation)
    return FFFWeights.from_tensors(
        tensors, manifest.activation, manifest.tie, manifest.leaf_output_bias
    )
