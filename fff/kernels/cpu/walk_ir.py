"""
The descent of narrow rows as LLVM IR: rows in lanes, each score summed in the canonical order.

In float64 the products of float32 numbers are exact, and adding up to `MAX_INPUTS` of them costs
little more than a float32 screen and its proof would. So a score is `fff.decision.canonical_score`
itself and no finite row is in doubt. Four rows are a vector, and vectors go down a level one after
the other, each while the others wait for memory. A node is one record, read row by row and
transposed: gather instructions are slower on AMD's processors and missing on older ones.

Covered:      the leaf of `fff.reference.route` for rows of finite numbers.
Not covered:  other rows, whose margin is NaN and tells so: `narrow` walks them again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
Most rows in flight: alone, a row waits for each score before it knows its next node. 16: 29 ns a
row; 32 and 64: 26 (2 inputs, depth 12, one thread, 2-core AMD EPYC VM, best of 80 rounds,
2026-11-28).
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


@dataclass(frozen=True, slots=True)
class _Walkers:
    """
    Where the vectors of rows lie while they walk.

    Attributes:
        b: Emits the code.
        memory: Address of `ROWS_ABREAST / 4` times `i + 2` vectors of 32 bytes.
        inputs: `i`.
        count: How many vectors walk.
    """

    b: Builder
    memory: Value
    inputs: int
    count: Value

    @contextmanager
    def each(self) -> Iterator[tuple[Value, Value, Value, list[Value]]]:
        """
        Loop over the vectors.

        Gives a vector's number, and pointers to its nodes' offsets (int64), its least distances to
        a boundary and its inputs, one vector each (float64).
        """
        b, kinds = self.b, [_WHOLE, *[_WIDE] * (self.inputs + 1)]
        with cgutils.for_range(b, self.count) as loop:
            start = b.add(self.memory, b.mul(loop.index, integer(32 * len(kinds))))
            offset, nearest, *x = (pointer(b, start, 32 * k, kind) for k, kind in enumerate(kinds))
            yield loop.index, offset, nearest, x


def _begin(b: Builder, walkers: _Walkers, x: Value, count: Value) -> None:
    """Read the rows and put them at the root; rows that do not exist repeat the last."""
    last = b.sub(count, integer(1))
    with walkers.each() as (number, offset, nearest, places):
        addresses = []
        for lane in range(_ROWS):
            row = b.add(b.shl(number, integer(2)), integer(lane))
            row = b.select(b.icmp_signed("<", row, last), row, last)
            addresses.append(b.add(x, b.mul(row, integer(4 * walkers.inputs))))
        start = splat(_WIDE, NO_BOUNDARY)
        for value, place in zip(_inputs(b, addresses, walkers.inputs), places, strict=True):
            b.store(value, place, align=32)
            start = b.fadd(start, b.fsub(value, value))  # adds NaN if it is not finite, else 0
        b.store(splat(_WHOLE, 0), offset, align=32)
        b.store(start, nearest, align=32)


def _descend(b: Builder, walkers: _Walkers, nodes: Value, threshold: Value) -> None:
    """Take the rows one level down."""
    size = record_bytes(walkers.inputs)
    with walkers.each() as (_, offset, nearest, places):
        at = b.load(offset, align=32)
        records = [b.add(nodes, lane) for lane in _lanes(b, at)]
        *w, bias, inverse_norm = _fields(b, records, walkers.inputs + 2)
        x = [b.load(place, align=32) for place in places]
        score = b.fadd(_canonical_sum(b, x, w), bias)
        right = b.fcmp_ordered(">=", score, threshold)
        step = b.select(right, splat(_WHOLE, 2 * size), splat(_WHOLE, size))
        b.store(b.add(b.add(at, at), step), offset, align=32)
        # Ordered, and this way round: a margin of NaN stays, and 0 * infinity, of a node without
        # weights, does not count.
        distance, before = b.fmul(_magnitude(b, score), inverse_norm), b.load(nearest, align=32)
        nearer = b.select(b.fcmp_ordered("<", distance, before), distance, before)
        # Adding 0 keeps LLVM from a masked store, with which a row takes twice as long (AMD).
        b.store(b.fadd(nearer, splat(_WIDE, 0.0)), nearest, align=32)


def _finish(b: Builder, walkers: _Walkers, first_leaf: Value, leaf: Value, margin: Value) -> None:
    """Write leaf numbers and margins, whole vectors."""
    size = integer(record_bytes(walkers.inputs))
    with walkers.each() as (number, offset, nearest, _):
        place = b.shl(number, integer(4))
        for lane, at in enumerate(_lanes(b, b.load(offset, align=32))):
            reached = b.trunc(b.sub(b.udiv(at, size), first_leaf), I32)
            b.store(reached, pointer(b, b.add(leaf, place), 4 * lane, I32), align=4)
        rounded = b.fptrunc(b.load(nearest, align=32), _QUARTER)
        b.store(rounded, pointer(b, b.add(margin, place), 0, _QUARTER), align=4)


def _emit(b: Builder, args: Sequence[Value], inputs: int, memory: Value) -> None:
    """Emit the walk of rows of one width."""
    x, count, nodes, depth, least, leaf, margin = args
    vectors = b.lshr(b.add(count, integer(_ROWS - 1)), integer(2))
    walkers = _Walkers(b, memory, inputs, vectors)
    _begin(b, walkers, x, count)
    threshold = broadcast(b, least, _WIDE)
    with cgutils.for_range(b, depth):
        _descend(b, walkers, nodes, threshold)
    _finish(b, walkers, b.sub(b.shl(integer(1), depth), integer(1)), leaf, margin)


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
                    _emit(b, args[1:], inputs, b.ptrtoint(memory, I64))
        return context.get_dummy_value()

    integers = [types.int64] * 5
    return types.void(*integers, types.float64, types.int64, types.int64), codegen


walk: Callable[..., None] = intrinsic(_walk)
