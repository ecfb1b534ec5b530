"""
The loops of an FFF-beta as LLVM IR: scores, activations, and sums of neurons' outputs.

A lane belongs to one row and meets its terms in one order, so that neither the tile a row is in nor
the machine moves a bit, as in `simd`. A score has 16 lanes, where `simd.dots` has 64: six rows at
one neuron then take twelve AVX2 registers. In the first cache, 768 inputs, one thread, each of six
rows so takes 22 ns, 36 with 32 lanes and 56 with 64; one alone 47, 38 and 36, but that waits for
memory (2-core AMD EPYC VM, busy, best of 40, 2026-11-28).

Covered:      tiles of 1 to 6 rows; any width; every activation.
"""

from collections.abc import Callable, Sequence
from typing import Any

from numba.core import cgutils, types
from numba.extending import intrinsic

from fff.kernels.cpu.row_activations_ir import activate
from fff.kernels.cpu.simd_ir import (
    F32,
    LANES,
    Builder,
    Value,
    broadcast,
    integer,
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

TILES = (6, 4, 3, 2, 1)
"""Numbers of rows that one tile can have, all at one neuron."""
ABREAST = (4, 2, 1)
"""Numbers of rows, each at a neuron of its own, that can be scored side by side."""

_BLOCKS = {1: 4, 2: 2}  # vectors of outputs that a tile keeps in registers; of more rows, 1
_COLUMNS = 8  # numbers activated at a time


def _vector(b: Builder, address: Value, rest: Value | None) -> Value:
    """Load LANES float32; of the last vector those alone that exist, which `rest` counts."""
    if rest is None:
        return load_f32(b, address, 0, LANES)
    return masked_load(b, address, rest)


def _score_tile(b: Builder, args: Sequence[Value], count: int, shared: bool) -> None:
    """16 lanes, added by halving."""
    x_list, w_list, width, out = args
    rows = [load_int(b, x_list, 8 * k) for k in range(count)]
    neurons = [load_int(b, w_list, 8 * k) for k in range(1 if shared else count)]
    sums = [variable(b, zeros(LANES)) for _ in rows]

    def add(offset: Value, rest: Value | None) -> None:
        weights = [_vector(b, b.add(neuron, offset), rest) for neuron in neurons]
        for k, (row, total) in enumerate(zip(rows, sums, strict=True)):
            multiply_add(b, total, _vector(b, b.add(row, offset), rest), weights[k % len(weights)])

    blocks = b.udiv(width, integer(LANES))
    with cgutils.for_range(b, blocks) as loop:
        add(b.mul(loop.index, integer(4 * LANES)), None)
    done = b.mul(blocks, integer(LANES))
    with b.if_then(b.icmp_unsigned("<", done, width)):
        add(b.shl(done, integer(2)), b.sub(width, done))
    for k, total in enumerate(sums):
        b.store(sum_lanes(b, b.load(total)), pointer(b, out, 4 * k, F32), align=4)


def _output_tile(b: Builder, args: Sequence[Value], count: int) -> None:
    """Outputs stay in registers while neuron after neuron is added."""
    w_list, neurons, h_list, y_list, width = args
    hidden = [load_int(b, h_list, 8 * k) for k in range(count)]
    rows = [load_int(b, y_list, 8 * k) for k in range(count)]

    def add(offset: Value, vectors: int, rest: Value | None) -> None:
        places = [
            [b.add(row, b.add(offset, integer(64 * v))) for v in range(vectors)] for row in rows
        ]
        sums = [[variable(b, _vector(b, place, rest)) for place in row] for row in places]
        with cgutils.for_range(b, neurons) as loop:
            w = b.add(load_int(b, b.add(w_list, b.shl(loop.index, integer(3))), 0), offset)
            weights = [load_f32(b, w, LANES * v, LANES) for v in range(vectors)]
            for h, totals in zip(hidden, sums, strict=True):
                value = load_scalar(b, b.add(h, b.shl(loop.index, integer(2))))
                for total, weight in zip(totals, weights, strict=True):
                    multiply_add(b, total, broadcast(b, value, weight.type), weight)
        for row, totals in zip(places, sums, strict=True):
            for place, total in zip(row, totals, strict=True):
                target = pointer(b, place, 0, vector(LANES))
                if rest is None:
                    b.store(b.load(total), target, align=4)
                else:
                    masked_store(b, b.load(total), target, rest)

    vectors = _BLOCKS.get(count, 1)
    step = LANES * vectors
    blocks = b.udiv(width, integer(step))
    with cgutils.for_range(b, blocks) as loop:
        add(b.mul(loop.index, integer(4 * step)), vectors, None)
    done = b.mul(blocks, integer(step))
    pieces = b.udiv(b.add(b.sub(width, done), integer(LANES - 1)), integer(LANES))
    with cgutils.for_range(b, pieces) as loop:
        first = b.add(done, b.mul(loop.index, integer(LANES)))
        add(b.shl(first, integer(2)), 1, b.sub(width, first))


def _emit_scores(b: Builder, args: Sequence[Value]) -> None:
    shape = b.add(b.shl(args[0], integer(1)), args[1])
    with switch(b, shape) as case:
        for shared, counts in ((False, ABREAST), (True, TILES)):
            for count in counts:
                with case(2 * count + shared):
                    _score_tile(b, args[2:], count, shared)


def _emit_outputs(b: Builder, args: Sequence[Value]) -> None:
    with switch(b, args[0]) as case:
        for count in TILES:
            with case(count):
                _output_tile(b, args[1:], count)


def _emit_activations(b: Builder, args: Sequence[Value]) -> None:
    kind, h, vectors = args
    with cgutils.for_range(b, vectors) as loop:
        at = b.add(h, b.mul(loop.index, integer(4 * _COLUMNS)))
        value = activate(b, kind, load_f32(b, at, 0, _COLUMNS))
        b.store(value, pointer(b, at, 0, vector(_COLUMNS)), align=4)


def _compiled_as(emit: Callable[[Builder, Sequence[Value]], None], arity: int) -> Any:
    def codegen(context: Any, builder: Builder, signature: Any, args: Sequence[Value]) -> Value:
        emit(builder, args)
        return context.get_dummy_value()

    return types.void(*[types.int64] * arity), codegen


def _scores(
    typingctx: Any, count: int, shared: int, x_list: int, w_list: int, width: int, out: int
) -> Any:
    """
    `out[k] = x_list[k] . w_list[k]`, float32.

    Args:
        typingctx: Numba's typing context, not used.
        count: Rows, of TILES where they share a neuron, else of ABREAST.
        shared: 1 if all rows are at the first neuron of the list, which is then read once.
        x_list: Address of the rows' addresses, `[count]`, int64.
        w_list: Address of the neurons' addresses, `[count]`, int64.
        width: Inputs.
        out: Where to write the scores, `[count]`.
    """
    return _compiled_as(_emit_scores, 6)


def _add_outputs(
    typingctx: Any, count: int, w_list: int, neurons: int, h_list: int, y_list: int, width: int
) -> Any:
    """
    `y_list[r] += h_list[r] @ w`, neuron after neuron.

    Args:
        typingctx: Numba's typing context, not used.
        count: Rows of the tile, of TILES.
        w_list: Address of the neurons' addresses, `[neurons]`, int64: of output weights, float32,
            readable up to a multiple of LANES.
        neurons: How many, the same for all rows.
        h_list: Address of the addresses of the rows' activations, each `[neurons]`, float32.
        y_list: Address of the addresses of the rows' outputs.
        width: Outputs.
    """
    return _compiled_as(_emit_outputs, 6)


def _activate_all(typingctx: Any, kind: int, h: int, vectors: int) -> Any:
    """Apply an activation, of `activations.KINDS`, to so many eights of float32 in place."""
    return _compiled_as(_emit_activations, 3)


scores: Callable[..., None] = intrinsic(_scores)
add_outputs: Callable[..., None] = intrinsic(_add_outputs)
activate_all: Callable[[int, int, int], None] = intrinsic(_activate_all)
