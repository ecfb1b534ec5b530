"""
The descent of narrow rows as LLVM IR: rows in lanes, each score summed in the canonical order.

In float64, of float32 numbers, the products are exact and the few sums of a row of at most
`MAX_INPUTS` cost no more than a screen and its proof, so that a score is
`fff.decision.canonical_score` itself: no row is in doubt. Four rows are one vector and four
vectors walk side by side; a node is one record, loaded row by row and transposed, because a gather
instruction is slower where there is one (AMD) and missing elsewhere.

Covered:      the leaf of `fff.reference.route` for rows of finite numbers.
Not covered:  other rows, whose margin is NaN and tells so: `narrow` walks them again.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from fff.decision import NO_BOUNDARY
from fff.kernels.cpu.simd_ir import (
    F32,
    I32,
    I64,
    Builder,
    Value,
    broadcast,
    integer,
    load_scalar,
    pointer,
    splat,
    switch,
)

MAX_INPUTS = 16
"""Widest row of this code, which is emitted once for every width."""
ROWS_ABREAST = 32
"""
Rows in flight: a row alone would wait for each score before it knows its next node.
"""

_ROWS = 4  # of a vector: a 4 x 4 block of a record is transposed in registers
_F64 = ir.DoubleType()
_WIDE, _WHOLE = ir.VectorType(_F64, _ROWS), ir.VectorType(I64, _ROWS)
_QUARTER = ir.VectorType(F32, _ROWS)


def record_bytes(inputs: int) -> int:
    """Bytes of a node: its weights, bias and inverse norm, float32, in whole vectors of four."""
    return 16 * -(-(inputs + 2) // _ROWS)


def _transposed(b: Builder, rows: Sequence[Value]) -> list[Value]:
    """Turn four vectors of four into their columns."""

    def shuffle(left: Value, right: Value, lanes: Sequence[int]) -> Value:
        return b.shuffle_vector(left, right, ir.Constant(ir.VectorType(I32, 4), list(lanes)))

    r0, r1, r2, r3 = rows
    pairs = [shuffle(r0, r1, (0, 4, 2, 6)), shuffle(r0, r1, (1, 5, 3, 7))]
    more_pairs = [shuffle(r2, r3, (0, 4, 2, 6)), shuffle(r2, r3, (1, 5, 3, 7))]
    both = list(zip(pairs, more_pairs, strict=True))
    return [shuffle(*both[k % 2], (0, 1, 4, 5) if k < 2 else (2, 3, 6, 7)) for k in range(4)]


def _fields(b: Builder, records: Sequence[Value], count: int) -> list[Value]:
    """Read the first `count` float32 of four records, each as a vector of float64."""
    fields: list[Value] = []
    for start in range(0, count, _ROWS):
        rows = [b.load(pointer(b, record, 4 * start, _QUARTER), align=4) for record in records]
        fields += _transposed(b, [b.fpext(row, _WIDE) for row in rows])
    return fields[:count]


def _inputs(b: Builder, rows: Sequence[Value], count: int) -> list[Value]:
    """Read four rows of `count` float32 and nothing beyond them."""
    columns = []
    for k in range(count):
        column = ir.Constant(_QUARTER, ir.Undefined)
        for lane, row in enumerate(rows):
            value = load_scalar(b, b.add(row, integer(4 * k)))
            column = b.insert_element(column, value, I32(lane))
        columns.append(b.fpext(column, _WIDE))
    return columns


def _canonical_sum(b: Builder, x: Sequence[Value], w: Sequence[Value]) -> Value:
    """`x . w`: products, which are exact, then element `k` and element `k + half`."""
    terms = [b.fmul(value, weight) for value, weight in zip(x, w, strict=True)]
    while len(terms) > 1:
        half = (len(terms) + 1) // 2
        upper = terms[half:]
        sums = [b.fadd(low, high) for low, high in zip(terms, upper, strict=False)]
        terms = sums + terms[len(upper) : half]
    return terms[0]


def _lanes(b: Builder, vector: Value) -> list[Value]:
    return [b.extract_element(vector, I32(lane)) for lane in range(_ROWS)]


def _magnitude(b: Builder, value: Value) -> Value:
    bits = b.and_(b.bitcast(value, _WHOLE), splat(_WHOLE, (1 << 63) - 1))
    return b.bitcast(bits, _WIDE)


def _walk_rows(b: Builder, args: Sequence[Value], inputs: int, memory: Value) -> None:
    """Walk rows of one width; `memory` holds `_STATE_BYTES` and then the inputs of each vector."""
    x, count, nodes, depth, least, leaf, margin = args
    size, last = record_bytes(inputs), b.sub(count, integer(1))
    vectors = b.lshr(b.add(count, integer(_ROWS - 1)), integer(2))
    state_bytes = 32 * (inputs + 2)

    def state(number: Value) -> tuple[list[Value], Value, Value]:
        start = b.add(memory, b.mul(number, integer(state_bytes)))
        kinds = [_WHOLE, *[_WIDE] * (inputs + 1)]
        offset, nearest, *columns = (
            pointer(b, start, 32 * k, kind) for k, kind in enumerate(kinds)
        )
        return columns, offset, nearest

    with cgutils.for_range(b, vectors) as loop:
        addresses = []
        for lane in range(_ROWS):
            row = b.add(b.shl(loop.index, integer(2)), integer(lane))
            row = b.select(b.icmp_signed("<", row, last), row, last)
            addresses.append(b.add(x, b.mul(row, integer(4 * inputs))))
        columns, offset, nearest = state(loop.index)
        start = splat(_WIDE, NO_BOUNDARY)
        for value, place in zip(_inputs(b, addresses, inputs), columns, strict=True):
            b.store(value, place, align=32)
            # NaN where it is infinite or NaN, else 0
            start = b.fadd(start, b.fsub(value, value))
        b.store(splat(_WHOLE, 0), offset, align=32)
        b.store(start, nearest, align=32)

    threshold = broadcast(b, least, _WIDE)
    with cgutils.for_range(b, depth), cgutils.for_range(b, vectors) as loop:
        columns, offset, nearest = state(loop.index)
        at = b.load(offset, align=32)
        records = [b.add(nodes, lane) for lane in _lanes(b, at)]
        *w, bias, inverse_norm = _fields(b, records, inputs + 2)
        values = [b.load(column, align=32) for column in columns]
        score = b.fadd(_canonical_sum(b, values, w), bias)
        right = b.fcmp_ordered(">=", score, threshold)
        step = b.select(right, splat(_WHOLE, 2 * size), splat(_WHOLE, size))
        b.store(b.add(b.add(at, at), step), offset, align=32)
        # Ordered and in this order: a margin of NaN stays, 0 * inf of a node without weights
        # does not count.
        distance = b.fmul(_magnitude(b, score), inverse_norm)
        before = b.load(nearest, align=32)
        nearer = b.select(b.fcmp_ordered("<", distance, before), distance, before)
        b.store(b.fadd(nearer, splat(_WIDE, 0.0)), nearest, align=32)

    first_leaf = b.sub(b.shl(integer(1), depth), integer(1))
    with cgutils.for_range(b, vectors) as loop:
        _, offset, nearest = state(loop.index)
        place = b.shl(loop.index, integer(4))
        for lane, at in enumerate(_lanes(b, b.load(offset, align=32))):
            number = b.trunc(b.sub(b.udiv(at, integer(size)), first_leaf), I32)
            b.store(number, pointer(b, b.add(leaf, place), 4 * lane, I32), align=4)
        rounded = b.fptrunc(b.load(nearest, align=32), _QUARTER)
        b.store(rounded, pointer(b, b.add(margin, place), 0, _QUARTER), align=4)


def _walk(
    typingctx: Any,
    inputs: int,
    x: int,
    count: int,
    nodes: int,
    depth: int,
    least: float,
    leaf: int,
    margin: int,
) -> Any:
    """
    Walk up to ROWS_ABREAST rows from the root to their leaves.

    Args:
        typingctx: Numba's typing context, not used.
        inputs: Width of a row, 1 to MAX_INPUTS.
        x: Address of the rows, `[count, inputs]`, float32.
        count: Rows, 1 to ROWS_ABREAST.
        nodes: Address of the nodes' records, `record_bytes` apart.
        depth: Levels to walk.
        least: The smallest score that goes right, float64.
        leaf: Where to write leaf numbers, `[ROWS_ABREAST]`, int32.
        margin: Where to write margins, `[ROWS_ABREAST]`, float32: NaN for a row that has an
            infinity or a NaN, whose leaf is not decided.
    """

    def codegen(context: Any, b: Builder, signature: Any, args: Sequence[Value]) -> Value:
        with b.goto_entry_block():
            memory = b.alloca(_WIDE, size=ROWS_ABREAST // _ROWS * (MAX_INPUTS + 2))
            memory.align = 32
        with switch(b, args[0]) as case:
            for inputs in range(1, MAX_INPUTS + 1):
                with case(inputs):
                    _walk_rows(b, args[1:], inputs, b.ptrtoint(memory, I64))
        return context.get_dummy_value()

    integers = [types.int64] * 5
    return types.void(*integers, types.float64, types.int64, types.int64), codegen


walk: Callable[..., None] = intrinsic(_walk)
