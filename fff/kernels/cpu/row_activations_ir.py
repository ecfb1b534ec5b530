"""
The activations of `fff.activations` on eight float32 at a time, as LLVM IR.

Computed in float64 and rounded once, like `activations`, but of additions, products and quotients
alone: no function of a mathematics library, which would take one number at a time and may round
otherwise on another machine.

Covered:      every activation; NaN stays NaN. Beyond 300 an exponential is as good as infinite,
              and 0 below -300: float32 ends at e**88.
"""

from collections.abc import Callable
from math import factorial, log, pi, sqrt

from llvmlite import ir

from fff.kernels.cpu import activations as a
from fff.kernels.cpu.lanes_ir import Lanes
from fff.kernels.cpu.simd_ir import I64, Builder, Value, splat, switch, variable

_F64 = ir.DoubleType()
_LARGEST_EXPONENT = 300.0
_TO_INTEGER = 1.5 * 2.0**52  # a float64 of this size has no digits after the point
_LN2_UPPER = 0x162E42FEFA3 * 2.0**-41  # ln 2 in 41 bits: products with small integers are exact
_LN2_LOWER = 2.8235290563031577e-13  # ln 2 - _LN2_UPPER
_EXP = [1 / factorial(k) for k in range(1, 11)]
"""Taylor, of (e**r - 1) / r: within 2e-12 for |r| <= ln(2) / 2."""
_ATANH = [1 / (2 * k + 1) for k in range(12)]
"""Taylor, of atanh(s) / s by s**2: within 2e-13 for s <= 1/3."""
_ERFC = [
    *(-0.671794084057, 0.672643152259, 0.0473433410935, -0.0468935903047, -0.00987366246899),
    *(0.00880854432307, 0.00176700325491, -0.0022881236561, -0.000175805476728),
    *(0.000573125498356, -3.82541014501e-05, -8.70509881206e-05, 1.54018160516e-05),
]
"""
Of ln(erfcx(z) / t) by 2 t - 1, t = 2 / (2 + z): Chebyshev's interpolation of degree 12, within
7e-9 for z >= 0 (scipy's erfcx, 2026-11-28).
"""


def _exp_parts(v: Lanes) -> tuple[Lanes, Lanes]:
    """`2**n` and `2**n * (e**r - 1)`, `v = n ln 2 + r`: their sum is `e**v`."""
    b = v.b
    v = v.where(">", _LARGEST_EXPONENT, _LARGEST_EXPONENT)
    v = v.where("<", -_LARGEST_EXPONENT, -_LARGEST_EXPONENT)
    shifted = v.times_plus(1 / log(2), _TO_INTEGER)
    n = shifted - _TO_INTEGER
    r = n.times_plus(-_LN2_LOWER, n.times_plus(-_LN2_UPPER, v))
    whole = ir.VectorType(I64, v.value.type.count)
    bits = b.shl(b.bitcast(shifted.value, whole), splat(whole, 52))  # n is in the lowest bits
    power = v.of(b.bitcast(b.add(bits, splat(whole, 1023 << 52)), v.value.type))
    return power, power * (r * r.polynomial(_EXP))


def _exp(v: Lanes) -> Lanes:
    power, rest = _exp_parts(v)
    return power + rest


def _expm1(v: Lanes) -> Lanes:
    power, rest = _exp_parts(v)
    return rest + (power - 1.0)


def _elu(v: Lanes) -> Lanes:
    return v.choose(">", 0.0, v, _expm1(v))


def _gelu(v: Lanes) -> Lanes:
    """`v erfc(-v / sqrt(2)) / 2`."""
    z = v.where("<", 0.0, 0.0 - v) * sqrt(0.5)
    t = 2.0 / (z + 2.0)
    upper_tail = t * _exp((t * 2.0 - 1.0).polynomial(_ERFC) - z * z)
    return v * 0.5 * v.choose(">", 0.0, 2.0 - upper_tail, upper_tail)


def _gelu_tanh(v: Lanes) -> Lanes:
    return _sigmoid_times(v, v * (v * v).times_plus(0.044715, 1.0) * (2 * sqrt(2 / pi)))


def _sigmoid_times(factor: Lanes | float, v: Lanes) -> Lanes:
    ones = v.constant(1.0)
    return (ones * factor) / (1.0 + _exp(0.0 - v))


def _softplus(v: Lanes) -> Lanes:
    z = _exp(v.where(">", 0.0, 0.0 - v))
    s = z / (z + 2.0)
    return v.where("<", 0.0, 0.0) + s * 2.0 * (s * s).polynomial(_ATANH)


def _mish(v: Lanes) -> Lanes:
    e = _exp(v)
    w = e * (e + 2.0)
    return v * (w / (w + 2.0))


def _tanh(v: Lanes) -> Lanes:
    e = _expm1(v * 2.0)
    return e / (e + 2.0)


_FORMULAS: dict[int, Callable[[Lanes], Lanes]] = {
    a.RELU: lambda v: v.where("<=", 0.0, 0.0),
    a.SQUARED_RELU: lambda v: v * v.where("<=", 0.0, 0.0),
    a.LEAKY_RELU: lambda v: v.where("<=", 0.0, v * 0.01),
    a.HARDSWISH: lambda v: v.choose(
        "<=", -3.0, v.constant(0.0), v.where("<", 3.0, v * (v + 3.0) / 6.0)
    ),
    a.ELU: _elu,
    a.SELU: lambda v: a.SELU_SCALE * v.choose(">", 0.0, v, a.SELU_ALPHA * _expm1(v)),
    a.GELU: _gelu,
    a.GELU_TANH: _gelu_tanh,
    a.SIGMOID: lambda v: _sigmoid_times(1.0, v),
    a.SILU: lambda v: _sigmoid_times(v, v),
    a.SOFTPLUS: _softplus,
    a.MISH: _mish,
    a.TANH: _tanh,
}

_EXACT = (a.RELU, a.SQUARED_RELU)  # rounded once in float32 as well


def activate(b: Builder, kind: Value, value: Value) -> Value:
    """Apply an activation, of `activations.KINDS`, to a vector of float32."""
    result = variable(b, value)
    wide = ir.VectorType(_F64, value.type.count)
    with switch(b, kind) as case:
        for number, formula in _FORMULAS.items():
            with case(number):
                if number in _EXACT:
                    b.store(formula(Lanes(b, value)).value, result)
                else:
                    done = formula(Lanes(b, b.fpext(value, wide)))
                    b.store(b.fptrunc(done.value, value.type), result)
    return b.load(result)
