"""
The names that describe a network without its tensors: of its kind, activation and rule for ties.

Imports nothing: a manifest is read and checked without PyTorch, which takes a second to import.
"""

from typing import Literal

Kind = Literal["fff", "dense", "low_rank", "mixture"]
"""What a network is. Only an `fff` has a tree, and so leaves, margins and paths."""

KIND_NAMES: dict[Kind, str] = {
    "fff": "an FFF",
    "dense": "a dense network",
    "low_rank": "a low-rank network",
    "mixture": "a mixture of experts",
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


def known_activation(name: str) -> str:
    """
    Return the name of an activation.

    Raises:
        ValueError: If it is not one of `ACTIVATION_NAMES`.
    """
    if name not in ACTIVATION_NAMES:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATION_NAMES)}; got {name!r}")
    return name
