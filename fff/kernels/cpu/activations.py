"""
The activations of `fff.activations` for the CPU kernel, one number at a time.

Own code, and not torch's functions: these are computed in float64 and rounded once, so the result
depends on the number alone; torch's vector functions round otherwise in the tail of a row than in
its body.
"""

import math

from fff.activations import ACTIVATIONS

KINDS = {
    name: kind
    for kind, name in enumerate(
        (
            *("identity", "relu", "squared_relu", "leaky_relu", "hardswish", "elu", "selu"),
            *("gelu", "gelu_tanh", "sigmoid", "silu", "softplus", "mish", "tanh"),
        )
    )
    if name in ACTIVATIONS
}
IDENTITY, RELU, SQUARED_RELU, LEAKY_RELU, HARDSWISH, ELU, SELU = range(7)
GELU, GELU_TANH, SIGMOID, SILU, SOFTPLUS, MISH, TANH = range(7, 14)

SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
_SOFTPLUS_LINEAR_FROM = 20.0  # as torch


def piecewise(kind: int, v: float) -> float:
    """The activations made of lines and parabolas, up to `HARDSWISH`; NaN stays NaN."""
    if kind == RELU:
        return 0.0 if v <= 0.0 else v
    if kind == SQUARED_RELU:
        return 0.0 if v <= 0.0 else v * v
    if kind == LEAKY_RELU:
        return 0.01 * v if v <= 0.0 else v
    if kind == HARDSWISH:
        return 0.0 if v <= -3.0 else v if v >= 3.0 else v * (v + 3.0) / 6.0
    return v


def curve(kind: int, v: float) -> float:
    """The others, `ELU` and beyond: those that need a function of the mathematics library."""
    if kind == ELU:
        return v if v > 0.0 else math.expm1(v)
    if kind == SELU:
        return SELU_SCALE * (v if v > 0.0 else SELU_ALPHA * math.expm1(v))
    if kind == GELU:
        return 0.5 * v * math.erfc(-v * math.sqrt(0.5))
    if kind == GELU_TANH:
        return 0.5 * v * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (v + 0.044715 * v * v * v)))
    if kind == SIGMOID:
        return 1.0 / (1.0 + math.exp(-v))
    if kind == SILU:
        return v / (1.0 + math.exp(-v))
    if kind == TANH:
        return math.tanh(v)
    softplus = v if v > _SOFTPLUS_LINEAR_FROM else math.log1p(math.exp(v))
    return v * math.tanh(softplus) if kind == MISH else softplus
