"""
Vector micro-kernels as Numba intrinsics: the few loops where the order of additions matters.

Each emits LLVM IR over explicit vectors. A lane belongs to one (row, column) and meets its
terms in one order, so every tile of rows gives the same bits, and so does every machine: where
a vector is too wide for it (AVX2, NEON) the compiler splits the vector and never reorders.

Own code, because no matrix library fixes that order, Numba's own loops over arrays vectorise
reductions only where they may be reordered, and a C extension needs a compiler at install time for
0.8 to 1.2 times the speed (docs/decisions/0007-cpu-kernel.md).

Covered:      up and down projections of a tile of 1 to 6 rows, dot products, squares.
Not covered:  checks: `fff.kernels.cpu.backend` makes them.

Arguments are int64 and pointers are addresses: Numba unpacks an integer in 10 to 30 ns, an
array in 160 (Zen 4 VM, 2026-11-24).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from numba.core import cgutils, types
from numba.extending import intrinsic

from fff.kernels.cpu.simd_ir import (
    F32,
    LANES,
    Builder,
    Value,
    broadcast,
    integer,
    load_bf16,
    load_f32,
    load_int,
    load_scalar,
    masked_load,
    masked_store,
    multiply_add,
    pointer,
    sum_lanes,
    switch,
    variable,
    vector,
    zeros,
)

TILE_ROWS = 6
"""Most rows of a tile: 6 rows x 2 vectors x 2 stripes are 24 accumulators of 32 registers."""
PANEL = 2 * LANES
"""Most columns of an up tile."""
BLOCK = 4 * LANES
"""Columns of a down tile; the last tiles of a row have LANES."""
DOTS = (4, 2, 1)
"""Numbers of dot products that `dots` can compute side by side."""

_STRIPES = 2  # chains of an up tile: with one, a single row waits for its own additions
_DOT_STRIPES = 4
_LOADS = {4: load_f32, 2: load_bf16}  # by bytes of an item
Load = Callable[[Builder, Value, int, int], Value]


def _up_tile(b: Builder, args: Sequence[Value], rows: int, columns: int, load: Load) -> None:
    """Even and odd steps have an accumulator each; `h += even + odd`."""
    x, row_bytes, index, w, w_bytes, steps, h, h_bytes = args
    widths = [16] * (columns // 16) + [8] * (columns % 16 // 8)
    starts = [sum(widths[:k]) for k in range(len(widths))]
    x_rows = _rows_at(b, x, row_bytes, index, rows)
    sums = [[[variable(b, zeros(v)) for v in widths] for _ in x_rows] for _ in range(_STRIPES)]

    def step(k: Value, stripe: int) -> None:
        w_row = b.add(w, b.mul(k, w_bytes))
        weights = [load(b, w_row, start, v) for start, v in zip(starts, widths, strict=True)]
        for row, row_sums in zip(x_rows, sums[stripe], strict=True):
            value = load_scalar(b, b.add(row, b.shl(k, integer(2))))
            for total, weight in zip(row_sums, weights, strict=True):
                multiply_add(b, total, broadcast(b, value, weight.type), weight)

    pairs = b.lshr(steps, integer(1))
    with cgutils.for_range(b, pairs) as loop:
        for stripe in range(_STRIPES):
            step(b.add(b.shl(loop.index, integer(1)), integer(stripe)), stripe)
    done = b.shl(pairs, integer(1))
    with b.if_then(b.icmp_unsigned("<", done, steps)):
        step(done, 0)

    for r in range(rows):
        h_row = b.add(h, b.mul(h_bytes, integer(r)))
        for even, odd, start, width in zip(sums[0][r], sums[1][r], starts, widths, strict=True):
            place = pointer(b, h_row, 4 * start, vector(width))
            total = b.fadd(b.load(even), b.load(odd))
            b.store(b.fadd(b.load(place, align=4), total), place, align=4)


def _down_tile(b: Builder, args: Sequence[Value], rows: int, columns: int, load: Load) -> None:
    """Start from the bias and add neuron after neuron."""
    h, h_bytes, w, bias, neurons, y, row_bytes, index, valid = args
    item_bytes = 4 if load is load_f32 else 2
    starts = range(0, columns, LANES)
    y_rows = _rows_at(b, y, row_bytes, index, rows)
    first = [load_f32(b, bias, start, LANES) for start in starts]
    sums = [[variable(b, value) for value in first] for _ in y_rows]
    with cgutils.for_range(b, neurons) as loop:
        w_row = b.add(w, b.mul(loop.index, integer(item_bytes * columns)))
        weights = [load(b, w_row, start, LANES) for start in starts]
        for r, row_sums in enumerate(sums):
            h_row = b.add(h, b.mul(h_bytes, integer(r)))
            value = load_scalar(b, b.add(h_row, b.shl(loop.index, integer(2))))
            for total, weight in zip(row_sums, weights, strict=True):
                multiply_add(b, total, broadcast(b, value, weight.type), weight)
    for y_row, row_sums in zip(y_rows, sums, strict=True):
        for total, start in zip(row_sums, starts, strict=True):
            place = pointer(b, y_row, 4 * start, vector(LANES))
            if columns == LANES:
                masked_store(b, b.load(total), place, valid)
            else:
                b.store(b.load(total), place, align=4)


def _dot_tile(b: Builder, args: Sequence[Value], count: int) -> None:
    """Four stripes of 16 lanes each, then the stripes and the lanes are added by halving."""
    x_list, w_list, width, out = args
    pairs = [(load_int(b, x_list, 8 * k), load_int(b, w_list, 8 * k)) for k in range(count)]
    _sum_products(b, pairs, width, out)


def _square_tile(b: Builder, args: Sequence[Value], count: int) -> None:
    x_list, width, out = args
    _sum_products(b, [(load_int(b, x_list, 8 * k),) for k in range(count)], width, out)


def _sum_products(b: Builder, rows: Sequence[Sequence[Value]], width: Value, out: Value) -> None:
    """Multiply the first with the last of each: two rows, or one with itself."""
    sums = [[variable(b, zeros(LANES)) for _ in range(_DOT_STRIPES)] for _ in rows]
    step = LANES * _DOT_STRIPES
    blocks = b.udiv(width, integer(step))
    with cgutils.for_range(b, blocks) as loop:
        offset = b.mul(loop.index, integer(4 * step))
        for factors, totals in zip(rows, sums, strict=True):
            for s, total in enumerate(totals):
                values = [load_f32(b, b.add(row, offset), LANES * s, LANES) for row in factors]
                multiply_add(b, total, values[0], values[-1])
    done = b.mul(blocks, integer(step))
    with b.if_then(b.icmp_unsigned("<", done, width)):
        for factors, totals in zip(rows, sums, strict=True):
            for s, total in enumerate(totals):
                k = b.add(done, integer(LANES * s))
                remaining, offset = b.sub(width, k), b.shl(k, integer(2))
                values = [masked_load(b, b.add(row, offset), remaining) for row in factors]
                multiply_add(b, total, values[0], values[-1])
    for k, totals in enumerate(sums):
        s0, s1, s2, s3 = (b.load(total) for total in totals)
        score = sum_lanes(b, b.fadd(b.fadd(s0, s1), b.fadd(s2, s3)))
        b.store(score, pointer(b, out, 4 * k, F32), align=4)


def _rows_at(b: Builder, base: Value, row_bytes: Value, index: Value, rows: int) -> list[Value]:
    """Addresses of the rows whose numbers lie at `index`."""
    return [b.add(base, b.mul(load_int(b, index, 8 * r), row_bytes)) for r in range(rows)]


def _shape(item_bytes: int, rows: int, columns: int) -> int:
    return item_bytes << 16 | rows << 8 | columns


@contextmanager
def _tiles(
    b: Builder, shape: Sequence[Value], columns: Sequence[int]
) -> Iterator[Iterator[tuple[int, int, Load]]]:
    """One branch of code for every shape of tile; the loop body emits it."""
    item_bytes, rows, width = shape
    selector = b.or_(b.shl(item_bytes, integer(16)), b.or_(b.shl(rows, integer(8)), width))

    def shapes(case: Callable[[int], Any]) -> Iterator[tuple[int, int, Load]]:
        for size, load in _LOADS.items():
            for r in range(1, TILE_ROWS + 1):
                for c in columns:
                    with case(_shape(size, r, c)):
                        yield r, c, load

    with switch(b, selector) as case:
        yield shapes(case)


def _emit_up(b: Builder, args: Sequence[Value]) -> None:
    with _tiles(b, args[:3], range(8, PANEL + 1, 8)) as tiles:
        for rows, columns, load in tiles:
            _up_tile(b, args[3:], rows, columns, load)


def _emit_down(b: Builder, args: Sequence[Value]) -> None:
    with _tiles(b, args[:3], (LANES, BLOCK)) as tiles:
        for rows, columns, load in tiles:
            _down_tile(b, args[3:], rows, columns, load)


def _emit_dots(b: Builder, args: Sequence[Value]) -> None:
    with switch(b, args[0]) as case:
        for count in DOTS:
            with case(count):
                _dot_tile(b, args[1:], count)


def _emit_squares(b: Builder, args: Sequence[Value]) -> None:
    with switch(b, args[0]) as case:
        for count in DOTS:
            with case(count):
                _square_tile(b, args[1:], count)


def _compiled_as(emit: Callable[[Builder, Sequence[Value]], None], arity: int) -> Any:
    def codegen(context: Any, builder: Builder, signature: Any, args: Sequence[Value]) -> Value:
        emit(builder, args)
        return context.get_dummy_value()

    return types.void(*[types.int64] * arity), codegen


def _up(
    typingctx: Any,
    item_bytes: int,
    rows: int,
    columns: int,
    x: int,
    row_bytes: int,
    index: int,
    w: int,
    w_bytes: int,
    steps: int,
    h: int,
    h_bytes: int,
) -> Any:
    """
    `h[r] += x[index[r]] @ w`.

    Args:
        typingctx: Numba's typing context, not used.
        item_bytes: Bytes of one weight: 4 for float32, 2 for bfloat16.
        rows: Rows of the tile, 1 to TILE_ROWS.
        columns: Columns of the tile: 8, 16, 24 or 32.
        x: Address of the inputs, float32, rows `row_bytes` apart.
        row_bytes: From one row of `x` to the next.
        index: Address of the tile's row numbers in `x`, `[rows]`, int64.
        w: Address of the weights, `[steps, columns]`, rows `w_bytes` apart.
        w_bytes: From one row of `w` to the next.
        steps: Inputs to add over.
        h: Address of the sums, `[rows, columns]`, float32, rows `h_bytes` apart.
        h_bytes: From one row of `h` to the next.
    """
    return _compiled_as(_emit_up, 11)


def _down(
    typingctx: Any,
    item_bytes: int,
    rows: int,
    columns: int,
    h: int,
    h_bytes: int,
    w: int,
    bias: int,
    neurons: int,
    y: int,
    row_bytes: int,
    index: int,
    valid: int,
) -> Any:
    """`y[index[r]] = bias + h[r] @ w`; `columns` is BLOCK, or LANES of which `valid` exist."""
    return _compiled_as(_emit_down, 12)


def _dots(typingctx: Any, count: int, x_list: int, w_list: int, width: int, out: int) -> Any:
    """`out[k] = x_list[k] . w_list[k]`, `count` of `DOTS`; the lists hold addresses of rows."""
    return _compiled_as(_emit_dots, 5)


def _squares(typingctx: Any, count: int, x_list: int, width: int, out: int) -> Any:
    """`out[k] = x_list[k] . x_list[k]`, like `dots`."""
    return _compiled_as(_emit_squares, 4)


up: Callable[..., None] = intrinsic(_up)
down: Callable[..., None] = intrinsic(_down)
dots: Callable[..., None] = intrinsic(_dots)
squares: Callable[..., None] = intrinsic(_squares)
