# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
"""
The activations of `fff.activations` inside a Triton kernel, in float32.

Own code, with `exp` and arithmetic alone: the fuller functions of CUDA's math library do not
exist in Triton's interpreter, which is where these are tested.
"""

import triton
import triton.language as tl

# Beyond it `exp(x) - 1` keeps all but 2 bits; below it a short series is exact to float32.
_SERIES_BELOW = tl.constexpr(0.25)


@triton.jit
def _expm1(x):
    series = 1 + x / 5 * (1 + x / 6 * (1 + x / 7))
    series = x * (1 + x / 2 * (1 + x / 3 * (1 + x / 4 * series)))
    return tl.where(tl.abs(x) < _SERIES_BELOW, series, tl.exp(x) - 1)


@triton.jit
def _log1p(x):
    """Goldberg's: the rounding of `1 + x` is undone by the division. For `0 <= x <= 1`."""
    rounded = 1 + x
    exact = rounded == 1
    return tl.where(exact, x, tl.log(rounded) * x / tl.where(exact, 1.0, rounded - 1))


@triton.jit
def _tanh(x):
    e = _expm1(-2 * tl.abs(x))  # in (-1, 0]: no overflow, no cancellation
    size = -e / (e + 2)
    return tl.where(x < 0, -size, size)


@triton.jit
def _mish(x):
    # tanh(softplus(x)) = (e^2x + 2e^x) / (e^2x + 2e^x + 2), by the exponential that is below 1.
    e = tl.exp(-tl.abs(x))
    low, high = e * (e + 2), 1 + 2 * e
    return x * tl.where(x < 0, low / (low + 2), high / (high + 2 * e * e))


@triton.jit
def _relu(x):
    return tl.where(x < 0, 0.0, x)  # unlike `maximum`, lets NaN through, as torch does


@triton.jit
def _elu(x, alpha):
    return tl.where(x > 0, x, alpha * _expm1(tl.where(x > 0, 0.0, x)))


@triton.jit
def _sigmoid(x):
    e = tl.exp(-tl.abs(x))
    return tl.where(x < 0, e, 1.0) / (1 + e)


@triton.jit
def activate(x, NAME: tl.constexpr):
    """Apply an activation by its name in `fff.activations`; `x` is float32."""
    if NAME == "relu":
        y = _relu(x)
    elif NAME == "identity":
        y = x
    elif NAME == "gelu":
        y = 0.5 * x * (1 + tl.erf(x * 0.7071067811865476))
    elif NAME == "gelu_tanh":
        y = 0.5 * x * (1 + _tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))
    elif NAME == "silu":
        y = x * _sigmoid(x)
    elif NAME == "sigmoid":
        y = _sigmoid(x)
    elif NAME == "tanh":
        y = _tanh(x)
    elif NAME == "elu":
        y = _elu(x, 1.0)
    elif NAME == "selu":
        y = 1.0507009873554805 * _elu(x, 1.6732632423543772)
    elif NAME == "mish":
        y = _mish(x)
    elif NAME == "softplus":
        y = _relu(x) + _log1p(tl.exp(-tl.abs(x)))
    elif NAME == "squared_relu":
        y = _relu(x) * _relu(x)
    elif NAME == "leaky_relu":
        y = tl.where(x < 0, 0.01 * x, x)
    elif NAME == "hardswish":
        y = x * (_relu(x + 3) - _relu(x - 3)) / 6
    else:
        tl.static_assert(False, "no such activation in fff.kernels.gpu.activations")
    return y
