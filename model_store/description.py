"""What a manifest says of a network's weights, and the network that a manifest and tensors make."""

from collections.abc import Mapping

from torch import Tensor

from fff.low_rank import LowRankWeights
from fff.mixture import MixtureWeights
from fff.weights import FeedForwardWeights, FFFWeights, Weights
from model_store.manifest import FFFManifest, LowRankManifest, Manifest, MixtureManifest

_FIELDS: dict[type[Weights], tuple[str, ...]] = {
    FFFWeights: ("depth", "leaf_width", "master_width", "tie", "leaf_output_bias"),
    FeedForwardWeights: ("hidden_width",),
    LowRankWeights: ("hidden_width", "rank"),
    MixtureWeights: ("experts", "expert_width", "top_k"),
}
"""Of each kind, beside those of all."""


def describe(weights: Weights) -> dict[str, int | str | bool]:
    """The manifest fields that follow from a network's weights; `Store.load` compares them."""
    common = ("kind", "input_width", "output_width", "activation")
    return {name: getattr(weights, name) for name in (*common, *_FIELDS[type(weights)])}


def weights_from(manifest: Manifest, tensors: Mapping[str, Tensor]) -> Weights:
    """
    Build a network of the manifest's kind from named tensors.

    Raises:
        fff.weights.ShapeError: If a tensor is missing or does not fit the others.
    """
    if isinstance(manifest, FFFManifest):
        return FFFWeights.from_tensors(
            tensors, manifest.activation, manifest.tie, manifest.leaf_output_bias
        )
    if isinstance(manifest, MixtureManifest):
        return MixtureWeights.from_tensors(tensors, manifest.activation, manifest.top_k)
    kind = LowRankWeights if isinstance(manifest, LowRankManifest) else FeedForwardWeights
    return kind.from_tensors(tensors, manifest.activation)
