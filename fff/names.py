"""
The names that describe a network without its tensors: of its kind, activation and rule for ties.

Imports nothing: a manifest is read and checked without PyTorch, which takes a second to import.
"""

from typing import Literal

Kind = Literal["fff", "dense", "low_rank", "mixture", "multilayer", "raster", "network"]
"""
What a network is. An `fff` has a tree, and so leaves, margins and paths; a `network` of blocks has
them for each of its layers that is one.
"""

LayerKind = Kind | Literal["fff_beta"]
"""
What a layer is. An `fff_beta` has trees too, whose nodes are neurons; it is a layer inside of a
network, and no store holds one by itself.
"""

KIND_NAMES: dict[Kind, str] = {
    "fff": "an FFF",
    "dense": "a dense network",
    "low_rank": "a low-rank network",
    "mixture": "a mixture of experts",
    "multilayer": "a multilayer perceptron",
    "raster": "a raster",
    "network": "a network of blocks",
}
"""For messages."""

TieRule = Literal["ge", "gt"]
"""Where a score of exactly 0 goes: `ge` right (the paper's rule), `gt` left."""

ACTIVATION_NAMES = (
    "elu",
    "gelu",
    "gelu_tanh",
    "hardswish",
    "identity",
    "leaky_relu",
    "mish",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "squared_relu",
    "tanh",
)
"""Of every kind that has an activation."""

MULTILAYER_ACTIVATION_NAMES = (*ACTIVATION_NAMES, "sine")
"""Of a multilayer perceptron, which PyTorch computes: our own kernels have no sine."""


def known_activation(name: str) -> str:
    """
    Return the name of an activation.

    Raises:
        ValueError: If it is not one of `ACTIVATION_NAMES`.
    """
    if name == "sine":
        raise ValueError("activation 'sine' is of a multilayer perceptron alone")
    return _one_of(ACTIVATION_NAMES, name)


def known_multilayer_activation(name: str) -> str:
    """
    Return the name of an activation of a multilayer perceptron.

    Raises:
        ValueError: If it is not one of `MULTILAYER_ACTIVATION_NAMES`.
    """
    return _one_of(MULTILAYER_ACTIVATION_NAMES, name)


def _one_of(names: tuple[str, ...], name: str) -> str:
    if name not in names:
        raise ValueError(f"activation must be one of {', '.join(names)}; got {name!r}")
    return name
