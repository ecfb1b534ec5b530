"""
A leaf for one row as LLVM IR: neurons in lanes, then outputs in lanes.

Rows come in the order of the batch: a leaf this small is read in less time than sorting takes. The
order of a row's additions is a property of the layer: a neuron adds its bias, then input after
input; an output adds its bias, then neuron after neuron. A single output would fill one lane of
eight, so there the neurons stay in lanes and are added by halving at the end.

Covered:      any number of neurons, outputs and inputs.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from fff.kernels.cpu.row_activations_ir import activate
from fff.kernels.cpu.simd_ir import (
    F32,
    I32,
    I64,
    Builder,
    Value,
    broadcast,
    integer,
    load_f32,
    load_scalar,
    multiply_add,
    pointer,
    sum_lanes,
    variable,
    vector,
    zeros,
)

COLUMNS = 8
"""Neurons, then outputs, of a vector: wider ones are half empty at the leaves this is for."""
_ROW = vector(COLUMNS)
_NUMBERS = ir.VectorType(I64, COLUMNS)


def _hidden(b: Builder, panel: Value, inputs: Value, x: Value) -> Value:
    """`b1 + x @ w1` for eight neurons, whose panel is `b1 [8]` and `w1 [i, 8]`."""
    total = variable(b, load_f32(b, panel, 0, COLUMNS))
    with cgutils.for_range(b, inputs) as loop:
        value = load_scalar(b, b.add(x, b.shl(loop.index, integer(2))))
        w = b.add(panel, b.mul(loop.index, integer(4 * COLUMNS)))
        multiply_add(b, total, broadcast(b, value, _ROW), load_f32(b, w, COLUMNS, COLUMNS))
    return b.load(total)


def _store_first(b: Builder, value: Value, target: Value, count: Value) -> None:
    """Store the first `count` of eight float32, which may be more than eight: by 8, 4, 2 and 1."""
    with b.if_else(b.icmp_signed(">=", count, integer(COLUMNS))) as (whole, part):
        with whole:
            b.store(value, pointer(b, target, 0, _ROW), align=4)
        with part:
            rest, place = variable(b, value), variable(b, target)
            for size in (4, 2, 1):
                with b.if_then(b.icmp_signed("!=", b.and_(count, integer(size)), integer(0))):
                    now = b.load(rest)
                    low = _moved(b, now, 0, size)
                    b.store(low, pointer(b, b.load(place), 0, vector(size)), align=4)
                    b.store(_moved(b, now, size, COLUMNS), rest)
                    b.store(b.add(b.load(place), integer(4 * size)), place)


def _moved(b: Builder, value: Value, first: int, count: int) -> Value:
    """Lanes `first` to `first + count`, around the end."""
    lanes = [(first + k) % COLUMNS for k in range(count)]
    return b.shuffle_vector(value, value, ir.Constant(ir.VectorType(I32, count), lanes))


def _emit(b: Builder, args: Sequence[Value]) -> None:
    inputs, neurons, outputs, kind, x, record, h, y = args
    panel_bytes = b.mul(b.add(inputs, integer(1)), integer(4 * COLUMNS))
    panels = b.sdiv(b.add(neurons, integer(COLUMNS - 1)), integer(COLUMNS))
    b2 = b.add(record, b.mul(panels, panel_bytes))
    w2 = b.add(b2, b.shl(outputs, integer(2)))
    single = b.icmp_signed("==", outputs, integer(1))
    lanes = ir.Constant(_NUMBERS, list(range(COLUMNS)))

    total = variable(b, zeros(COLUMNS))
    with cgutils.for_range(b, panels) as loop:
        start = b.shl(loop.index, integer(3))
        panel = b.add(record, b.mul(loop.index, panel_bytes))
        value = activate(b, kind, _hidden(b, panel, inputs, x))
        with b.if_else(single) as (one, several):
            with one:
                # Lanes beyond the leaf hold NaN where the row is infinite.
                exists = b.icmp_signed("<", lanes, broadcast(b, b.sub(neurons, start), _NUMBERS))
                real = b.select(exists, value, zeros(COLUMNS))
                w = b.add(w2, b.shl(start, integer(2)))
                multiply_add(b, total, real, load_f32(b, w, 0, COLUMNS))
            with several:
                b.store(value, pointer(b, b.add(h, b.shl(start, integer(2))), 0, _ROW), align=4)
    with b.if_else(single) as (one, several):
        with one:
            result = b.fadd(sum_lanes(b, b.load(total)), load_scalar(b, b2))
            b.store(result, pointer(b, y, 0, F32), align=4)
        with several:
            _down(b, neurons, outputs, h, b2, w2, y)


def _down(
    b: Builder, neurons: Value, outputs: Value, h: Value, b2: Value, w2: Value, y: Value
) -> None:
    """`y = b2 + h @ w2`, `w2` `[l, o]`; the last vector reads on into what follows and drops it."""
    w_bytes = b.shl(outputs, integer(2))
    blocks = b.sdiv(b.add(outputs, integer(COLUMNS - 1)), integer(COLUMNS))
    with cgutils.for_range(b, blocks) as block:
        offset = b.shl(block.index, integer(5))
        total = variable(b, load_f32(b, b.add(b2, offset), 0, COLUMNS))
        with cgutils.for_range(b, neurons) as loop:
            value = load_scalar(b, b.add(h, b.shl(loop.index, integer(2))))
            w = b.add(b.add(w2, offset), b.mul(loop.index, w_bytes))
            multiply_add(b, total, broadcast(b, value, _ROW), load_f32(b, w, 0, COLUMNS))
        rest = b.sub(outputs, b.shl(block.index, integer(3)))
        _store_first(b, b.load(total), b.add(y, offset), rest)


def _row_leaf(
    typingctx: Any,
    inputs: int,
    neurons: int,
    outputs: int,
    kind: int,
    x: int,
    record: int,
    h: int,
    y: int,
) -> Any:
    """
    `y = b2 + act(b1 + x @ w1) @ w2` for one row.

    Args:
        typingctx: Numba's typing context, not used.
        inputs: Width of the row.
        neurons: Leaf width.
        outputs: Output width.
        kind: Activation, of `activations.KINDS`.
        x: Address of the row, float32.
        record: Address of the leaf's record: see `narrow_layout`.
        h: Address of memory for the neurons, in whole vectors of COLUMNS, float32.
        y: Where to write the outputs, float32.
    """

    def codegen(context: Any, b: Builder, signature: Any, args: Sequence[Value]) -> Value:
        _emit(b, args)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 8), codegen


row_leaf: Callable[..., None] = intrinsic(_row_leaf)
