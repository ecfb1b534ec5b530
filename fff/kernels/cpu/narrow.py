"""
A batch of narrow rows, compiled: a chunk of rows walks the tree abreast, then each meets its leaf.

Nothing is sorted: a leaf of the size served here (`narrow_layout`) is computed in less time than
sorting takes. Threads take chunks from a counter, as in `jobs.work`, and no bit of a result depends
on the thread, or on the rows of the chunk.

Covered:      the leaf of `fff.reference.route`, for any row, finite or not.
Not covered:  what one leaf (`row_leaf_ir`) and one step down (`walk_ir`) compute.
"""

from numba import int64, types

from fff.kernels.cpu import tables as t
from fff.kernels.cpu.compile import compiled_address
from fff.kernels.cpu.route import route_canonically
from fff.kernels.cpu.row_leaf_ir import row_leaf
from fff.kernels.cpu.simd_memory import (
    call,
    fetch_add,
    get_f32,
    get_i32,
    get_i64,
    put_f32,
    put_i32,
    stack,
)
from fff.kernels.cpu.walk_ir import ROWS_ABREAST, walk

_INT = types.int64


@compiled_address(_INT(_INT, _INT, _INT, _INT))
def walk_chunk(model: int, job: int, thread: int, chunk: int) -> int:
    """Route a chunk of rows; returns the number of rows that hold an infinity or a NaN."""
    inputs, start = get_i64(model + t.IN), chunk * ROWS_ABREAST
    count = min(ROWS_ABREAST, get_i64(job + t.ROWS) - start)
    x = get_i64(job + t.X) + 4 * inputs * start
    leaf, margin = get_i64(job + t.LEAF) + 4 * start, get_i64(job + t.MARGIN) + 4 * start
    own_leaf = stack()  # whole vectors, which may go on beyond the batch
    own_margin = own_leaf + 4 * ROWS_ABREAST
    # The least float64 of full precision: any score but 0 is at least 2**-298.
    least = 0.0 if get_i64(model + t.TIE_GE) else 2.0**-1022
    nodes, depth = get_i64(model + t.NODE_RECORDS), get_i64(model + t.DEPTH)
    walk(inputs, x, count, nodes, depth, least, own_leaf, own_margin)
    rewalked = 0
    for r in range(0, 4 * count, 4):
        distance = get_f32(own_margin + r)
        if distance == distance:
            put_i32(leaf + r, get_i32(own_leaf + r))
            put_f32(margin + r, distance)
        else:
            terms = get_i64(job + t.TERMS) + thread * get_i64(job + t.SCRATCH_BYTES)
            route_canonically(model, x + inputs * r, leaf + r, margin + r, terms)
            rewalked += 1
    return rewalked


@compiled_address(_INT(_INT, _INT, _INT, _INT))
def compute_chunk(model: int, job: int, thread: int, chunk: int) -> int:
    """Compute the leaves of a chunk of rows, in the thread's own scratch memory."""
    inputs, outputs = get_i64(model + t.IN), get_i64(model + t.OUT)
    neurons, kind = get_i64(model + t.NEURONS), get_i64(model + t.ACTIVATION)
    records, size = get_i64(model + t.RECORDS), get_i64(model + t.RECORD_BYTES)
    h = get_i64(job + t.SCRATCH) + thread * get_i64(job + t.SCRATCH_BYTES)
    x, y, leaf = get_i64(job + t.X), get_i64(job + t.LOGITS), get_i64(job + t.LEAF)
    start = chunk * ROWS_ABREAST
    stop = min(start + ROWS_ABREAST, get_i64(job + t.ROWS))
    for r in range(start, stop):
        record = records + size * int64(get_i32(leaf + 4 * r))
        row, out = x + 4 * inputs * r, y + 4 * outputs * r
        row_leaf(inputs, neurons, outputs, kind, row, record, h, out)
    return 0


@compiled_address(_INT(_INT, _INT, _INT, _INT))
def work_unsorted(model: int, job: int, thread: int, unused: int) -> int:
    """Take chunks until none is left to begin; returns the number of chunks."""
    chunks: int = -(-get_i64(job + t.ROWS) // ROWS_ABREAST)
    chunk = fetch_add(job + t.NEXT_CHUNK, 1)
    while chunk < chunks:
        rewalked = call(get_i64(model + t.ROUTE), model, job, thread, chunk)
        if rewalked:
            fetch_add(job + t.RECHECKED, rewalked)
        call(get_i64(model + t.COMPUTE), model, job, thread, chunk)
        fetch_add(job + t.DONE, 1)
        chunk = fetch_add(job + t.NEXT_CHUNK, 1)
    return chunks
