"""
The names of activations, apart from what computes them.

Whoever only lists or checks names, such as a recipe or a help text, need not import PyTorch.
"""

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
