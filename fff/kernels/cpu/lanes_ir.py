"""Formulas of vectors, written as formulas of numbers and emitted as LLVM IR."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from fff.kernels.cpu.simd_ir import Builder, Value, fused, splat


@dataclass(frozen=True, slots=True)
class Lanes:
    """
    A vector of numbers; a plain number in a formula stands for a vector of it.

    Attributes:
        b: Emits the operations, each rounded by itself and none reordered.
        value: Vector of float32 or float64.
    """

    b: Builder
    value: Value

    def of(self, value: Value) -> Self:
        return type(self)(self.b, value)

    def constant(self, number: float) -> Self:
        return self.of(splat(self.value.type, number))

    def __add__(self, other: "Lanes | float") -> Self:
        return self.of(self.b.fadd(self.value, self._value(other)))

    def __sub__(self, other: "Lanes | float") -> Self:
        return self.of(self.b.fsub(self.value, self._value(other)))

    def __mul__(self, other: "Lanes | float") -> Self:
        return self.of(self.b.fmul(self.value, self._value(other)))

    def __truediv__(self, other: "Lanes | float") -> Self:
        return self.of(self.b.fdiv(self.value, self._value(other)))

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, number: float) -> Self:
        return self.constant(number) - self

    def __rtruediv__(self, number: float) -> Self:
        return self.constant(number) / self

    def times_plus(self, factor: "Lanes | float", term: "Lanes | float") -> Self:
        """`self * factor + term`, rounded once."""
        values = self.value, self._value(factor), self._value(term)
        return self.of(fused(self.b, *values))

    def polynomial(self, coefficients: Sequence[float]) -> Self:
        """Of this variable; the coefficient of its power 0 first."""
        *lower, highest = coefficients
        total = self.constant(highest)
        for coefficient in reversed(lower):
            total = total.times_plus(self, coefficient)
        return total

    def where(self, sign: str, number: float, other: "Lanes | float") -> Self:
        """`other` where this compares so with a number, else this; NaN stays."""
        return self.choose(sign, number, self.of(self._value(other)), self)

    def choose(self, sign: str, number: float, one: "Lanes", other: "Lanes") -> Self:
        """`one` where this compares so with a number, else `other`."""
        chosen = self.b.fcmp_ordered(sign, self.value, splat(self.value.type, number))
        return self.of(self.b.select(chosen, one.value, other.value))

    def _value(self, other: "Lanes | float") -> Value:
        return other.value if isinstance(other, Lanes) else splat(self.value.type, other)
