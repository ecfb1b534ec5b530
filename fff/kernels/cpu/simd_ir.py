"""The LLVM IR that `fff.kernels.cpu.simd` is written in: vectors, loads, products and lanes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba.core import cgutils

Builder = Any  # llvmlite publishes no types
Value = Any

LANES = 16
F32, I16, I32, I64 = ir.FloatType(), ir.IntType(16), ir.IntType(32), ir.IntType(64)


def integer(value: int) -> Value:
    return ir.Constant(I64, value)


def vector(width: int) -> Any:
    return ir.VectorType(F32, width)


def zeros(width: int) -> Value:
    return ir.Constant(vector(width), [0.0] * width)


def pointer(b: Builder, address: Value, offset_bytes: int, kind: Any) -> Value:
    return b.inttoptr(b.add(address, integer(offset_bytes)), kind.as_pointer())


def load_int(b: Builder, address: Value, offset_bytes: int) -> Value:
    return b.load(pointer(b, address, offset_bytes, I64), align=8)


def load_scalar(b: Builder, address: Value) -> Value:
    return b.load(pointer(b, address, 0, F32), align=4)


def load_f32(b: Builder, address: Value, start: int, width: int) -> Value:
    return b.load(pointer(b, address, 4 * start, vector(width)), align=4)


def load_bf16(b: Builder, address: Value, start: int, width: int) -> Value:
    """A bfloat16 is the upper half of the float32 it stands for: widening is exact."""
    halves = b.load(pointer(b, address, 2 * start, ir.VectorType(I16, width)), align=2)
    words = ir.VectorType(I32, width)
    shift = ir.Constant(words, [16] * width)
    return b.bitcast(b.shl(b.zext(halves, words), shift), vector(width))


def masked_load(b: Builder, address: Value, count: Value) -> Value:
    """Load up to `LANES` float32 of which `count` exist; zeros for the others."""
    source = pointer(b, address, 0, vector(LANES))
    args = [source, ir.Constant(I32, 4), _below(b, count), zeros(LANES)]
    return _call(b, f"llvm.masked.load.v{LANES}f32.p0", vector(LANES), args)


def masked_store(b: Builder, value: Value, target: Value, count: Value) -> None:
    """Store the first `count` of `LANES` float32 at a pointer."""
    args = [value, target, ir.Constant(I32, 4), _below(b, count)]
    _call(b, f"llvm.masked.store.v{LANES}f32.p0", ir.VoidType(), args)


def variable(b: Builder, start: Value) -> Value:
    """A mutable value on the stack; the compiler gives it a register."""
    slot = cgutils.alloca_once(b, start.type)
    b.store(start, slot)
    return slot


def fused(b: Builder, left: Value, right: Value, term: Value) -> Value:
    """`left * right + term` with one rounding, of vectors of float32 or float64."""
    kind = left.type
    name = f"llvm.fma.v{kind.count}{'f32' if kind.element == F32 else 'f64'}"
    return _call(b, name, kind, [left, right, term])


def multiply_add(b: Builder, total: Value, left: Value, right: Value) -> None:
    """`total += left * right` with one rounding."""
    b.store(fused(b, left, right, b.load(total)), total)


def splat(kind: Any, value: float) -> Value:
    """A constant in every lane."""
    return ir.Constant(kind, [value] * kind.count)


def broadcast(b: Builder, value: Value, kind: Any) -> Value:
    """The same value in every lane."""
    undefined = ir.Constant(kind, ir.Undefined)
    first = b.insert_element(undefined, value, ir.Constant(I32, 0))
    return b.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(I32, kind.count), None))


def sum_lanes(b: Builder, total: Value) -> Value:
    """Add by halving: lane `k` and lane `k + half`."""
    half = total.type.count // 2
    while half:
        low, high = (
            ir.Constant(ir.VectorType(I32, half), list(range(first, first + half)))
            for first in (0, half)
        )
        total = b.fadd(b.shuffle_vector(total, total, low), b.shuffle_vector(total, total, high))
        half //= 2
    return b.extract_element(total, ir.Constant(I32, 0))


@contextmanager
def switch(b: Builder, selector: Value) -> Iterator[Callable[[int], Any]]:
    """Branch on an integer; a value without a case does nothing."""
    end = b.append_basic_block("end")
    branch = b.switch(selector, end)

    @contextmanager
    def case(value: int) -> Iterator[None]:
        block = b.append_basic_block(f"case{value}")
        branch.add_case(integer(value), block)
        b.position_at_end(block)
        yield
        b.branch(end)

    yield case
    b.position_at_end(end)


def _below(b: Builder, count: Value) -> Value:
    lanes = ir.Constant(ir.VectorType(I64, LANES), list(range(LANES)))
    return b.icmp_signed("<", lanes, broadcast(b, count, lanes.type))


def _call(b: Builder, name: str, result: Any, args: list[Value]) -> Value:
    kind = ir.FunctionType(result, [arg.type for arg in args])
    return b.call(cgutils.get_or_insert_function(b.module, kind, name), args)
