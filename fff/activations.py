"""
Activations by name: the names a manifest, a recipe or an import may use.

A checkpoint never stores its activation, so it is always given by name, and an unknown name is
refused with the list of known ones (`fff.names`).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from fff.names import known_activation, known_multilayer_activation

Activation = Callable[[Tensor], Tensor]

ACTIVATIONS: dict[str, Activation] = {
    "elu": F.elu,
    "gelu": F.gelu,  # exact, by erf
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "hardswish": F.hardswish,
    "identity": lambda x: x,
    "leaky_relu": F.leaky_relu,
    "mish": F.mish,
    "relu": F.relu,
    "selu": F.selu,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "softplus": F.softplus,
    "squared_relu": lambda x: F.relu(x).square(),
    "tanh": torch.tanh,
}
"""Of every kind: those that the kernels have too."""

MULTILAYER_ACTIVATIONS = ACTIVATIONS | {"sine": torch.sin}
"""Of a multilayer perceptron."""


def activation_by_name(name: str) -> Activation:
    """
    Look an activation up.

    Raises:
        ValueError: If the name is not one of `ACTIVATIONS`.
    """
    return ACTIVATIONS[known_activation(name)]


def multilayer_activation(name: str) -> Activation:
    """
    Look an activation of a multilayer perceptron up.

    Raises:
        ValueError: If the name is not one of `MULTILAYER_ACTIVATIONS`.
    """
    return MULTILAYER_ACTIVATIONS[known_multilayer_activation(name)]
