"""
The descent, compiled: a float32 screen, and the reference's own order where that is in doubt.

Rows descend four abreast: one row alone would wait for each sum before it knows the next node.
The screen's bound and the canonical order are those of `fff.decision`.

Covered:      the leaf of `fff.reference.route`, for any row, finite or not.
Not covered:  what the leaf computes (`leaf`).
"""

import math

from numba import float32, float64, int32, types

from fff.decision import NO_BOUNDARY
from fff.kernels.cpu import tables as t
from fff.kernels.cpu.compile import compiled, compiled_address
from fff.kernels.cpu.simd import DOTS, dots, squares
from fff.kernels.cpu.simd_memory import (
    get_f32,
    get_f64,
    get_i64,
    put_f32,
    put_f64,
    put_i32,
    put_i64,
    stack,
)

_INT, _FLOAT = types.int64, types.float64
SMALLEST_SQUARE = 2.0**-126
"""What a float32 square may lose to underflow."""
# Fields of the rows abreast, 8 bytes each.
_X, _W, _NODE, _NORM, _NEAREST, _DOUBT, _OUT = range(0, 7 * 64, 64)


@compiled(_FLOAT(_INT, _INT, _INT, _INT))
def canonical_dot(x: int, w: int, width: int, terms: int) -> float:
    """`fff.decision.canonical_score` without the bias; `terms` holds `width` float64."""
    for k in range(width):
        put_f64(terms + 8 * k, float64(get_f32(x + 4 * k)) * float64(get_f32(w + 4 * k)))
    while width > 1:
        half = (width + 1) // 2
        for k in range(half):
            upper = get_f64(terms + 8 * (half + k)) if half + k < width else 0.0
            put_f64(terms + 8 * k, get_f64(terms + 8 * k) + upper)
        width = half
    total: float = get_f64(terms)
    return total


@compiled(types.void(_INT, _INT, _INT, _INT, _INT))
def route_canonically(model: int, x: int, leaf: int, margin: int, terms: int) -> None:
    """Walk one row as `fff.reference.route` does; `terms` is memory for `[i]` float64."""
    width, depth = get_i64(model + t.IN), get_i64(model + t.DEPTH)
    node, nearest = 0, NO_BOUNDARY
    for _ in range(depth):
        stat = get_i64(model + t.NODE_STATS) + t.STAT_BYTES * node
        w = get_i64(model + t.NODES) + 4 * width * node
        score = canonical_dot(x, w, width, terms) + get_f64(stat + t.BIAS)
        inverse_norm = get_f64(stat + t.INVERSE_NORM)
        distance = abs(score) * inverse_norm
        if inverse_norm < math.inf and (distance < nearest or distance != distance):
            nearest = distance
        right = score >= 0.0 if get_i64(model + t.TIE_GE) else score > 0.0
        node = 2 * node + 1 + right
    put_i32(leaf, int32(node - (1 << depth) + 1))
    put_f32(margin, float32(nearest))


@compiled(types.void(_INT, _INT, _INT))
def start_rows(model: int, rows: int, count: int) -> None:
    """Set `count` rows (fields from `_X` on) to the root; their norms bound the screen's error."""
    width = get_i64(model + t.IN)
    squares(count, rows + _X, width, rows + _OUT)
    for r in range(rows, rows + 8 * count, 8):
        # The float32 sum itself errs by at most `width * 2**-23`, relatively, and underflows.
        total = float64(get_f32(rows + _OUT + (r - rows) // 2)) * (1 + (width + 2) * 2.0**-23)
        put_f64(r + _NORM, math.sqrt(total + width * SMALLEST_SQUARE))
        put_f64(r + _NEAREST, NO_BOUNDARY)
        put_i64(r + _NODE, 0)
        put_i64(r + _DOUBT, 0)


@compiled(types.void(_INT, _INT, _INT))
def descend(model: int, rows: int, count: int) -> None:
    """Take rows one level down; record their distance to the boundary, and doubts."""
    width, stats = get_i64(model + t.IN), get_i64(model + t.NODE_STATS)
    for r in range(rows, rows + 8 * count, 8):
        put_i64(r + _W, get_i64(model + t.NODES) + 4 * width * get_i64(r + _NODE))
    dots(count, rows + _X, rows + _W, width, rows + _OUT)
    for k in range(count):
        r = rows + 8 * k
        stat = stats + t.STAT_BYTES * get_i64(r + _NODE)
        score = get_f32(rows + _OUT + 4 * k) + float32(get_f64(stat + t.BIAS))
        size = abs(float64(score))
        bound = get_f64(r + _NORM) * get_f64(stat + t.BOUND_SLOPE) + get_f64(
            stat + t.BOUND_CONSTANT
        )
        if not (size > bound and size < math.inf):
            put_i64(r + _DOUBT, 1)
        distance = size * get_f64(stat + t.INVERSE_NORM)
        if distance < get_f64(r + _NEAREST):
            put_f64(r + _NEAREST, distance)
        put_i64(r + _NODE, 2 * get_i64(r + _NODE) + 1 + (score > 0.0))


@compiled_address(_INT(_INT, _INT, _INT, _INT))
def route(model: int, job: int, thread: int, chunk: int) -> int:
    """Route a chunk of rows; returns the number of rows that were in doubt."""
    width, depth = get_i64(model + t.IN), get_i64(model + t.DEPTH)
    leaves, margins = get_i64(job + t.LEAF), get_i64(job + t.MARGIN)
    terms = get_i64(job + t.TERMS) + thread * get_i64(job + t.SCRATCH_BYTES)
    start = chunk * t.CHUNK_ROWS
    stop = min(start + t.CHUNK_ROWS, get_i64(job + t.ROWS))
    rows, rechecked = stack(), 0
    while start < stop:
        count = DOTS[0] if stop - start >= DOTS[0] else DOTS[1] if stop - start >= DOTS[1] else 1
        for r in range(count):
            put_i64(rows + _X + 8 * r, get_i64(job + t.X) + 4 * width * (start + r))
        start_rows(model, rows, count)
        for _ in range(depth):
            descend(model, rows, count)
        for r in range(rows, rows + 8 * count, 8):
            leaf, margin = leaves + 4 * start, margins + 4 * start
            if get_i64(r + _DOUBT):
                route_canonically(model, get_i64(r + _X), leaf, margin, terms)
                rechecked += 1
            else:
                put_i32(leaf, int32(get_i64(r + _NODE) - (1 << depth) + 1))
                put_f32(margin, float32(get_f64(r + _NEAREST)))
            start += 1
    return rechecked


@compiled_address(_INT(_INT, _INT, _INT, _INT))
def keep_leaves(model: int, job: int, thread: int, chunk: int) -> int:
    """Replaces `route` where the caller chose the leaves: none is in doubt."""
    return 0
