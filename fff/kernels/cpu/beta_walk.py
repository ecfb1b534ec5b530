"""
FFF-beta, compiled: a chunk of rows walks tree after tree, and its neurons' outputs are added up.

All rows of a chunk take a step down together, in the order of the nodes they are at, so that a
neuron that several rows meet is read once for them. A row with few neighbours walks many trees side
by side instead: alone in one, it would wait for each score before it knows the next neuron.

A score is a float32 sum that proves its own sign, or else the canonical one of `fff.decision`,
which is then also what is activated. The order of a row's additions is a property of the layer:
lane by lane in a score (`beta_ir`), tree after tree and neuron after neuron in an output. So the
bits of a row depend on nothing but the row and the weights.

Covered:      the leaves and margins of `fff.beta_reference`, for any row, finite or not.
Not covered:  rows of different chunks that meet the same neurons: each chunk reads them anew.

A step in one tree of one row is a visit; fields of a visit are 8 bytes each.
"""

import math

from numba import float32, float64, int32, types

from fff.decision import NO_BOUNDARY
from fff.kernels.cpu import tables as t
from fff.kernels.cpu.beta_ir import ABREAST, TILES, activate_all, add_outputs, scores
from fff.kernels.cpu.compile import compiled, compiled_address, inlined
from fff.kernels.cpu.route import SMALLEST_SQUARE, canonical_dot
from fff.kernels.cpu.simd import squares
from fff.kernels.cpu.simd_memory import (
    call,
    fetch_add,
    get_f32,
    get_f64,
    get_i64,
    put_f32,
    put_f64,
    put_i32,
    put_i64,
    stack,
)

CHUNK_ROWS = 64
"""Most rows of a chunk: their inputs and outputs stay in the cache while weights pass by."""
VISITS = 128
"""Most visits at a time: rows of the chunk times trees."""

_INT = types.int64
_VISIT_BYTES = 64
(_X, _FIRST, _NODE, _NEAREST, _H, _ROW, _TREE) = range(0, 56, 8)
# Scratch memory of a thread, by offset.
_ORDER = VISITS * _VISIT_BYTES
_SPARE = _ORDER + 8 * VISITS
_NORMS = _SPARE + 8 * VISITS
_DOUBT = _NORMS + 8 * CHUNK_ROWS
HIDDEN = _DOUBT + 8 * CHUNK_ROWS
"""Where the activations lie, `[VISITS, d + 1 in eights]`, float32; then `[i]` float64."""


@inlined
def _begin_rows(model: int, job: int, scratch: int, start: int, rows: int) -> None:
    """Norms, which bound the screen's error, and outputs of 0."""
    inputs, outputs = get_i64(model + t.IN), get_i64(model + t.OUT)
    lists = stack()
    for r in range(rows):
        put_i64(lists, get_i64(job + t.X) + 4 * inputs * (start + r))
        squares(1, lists, inputs, lists + 64)
        # The float32 sum itself errs by at most `i * 2**-23`, relatively, and underflows.
        total = float64(get_f32(lists + 64)) * (1 + (inputs + 2) * 2.0**-23)
        put_f64(scratch + _NORMS + 8 * r, math.sqrt(total + inputs * SMALLEST_SQUARE))
        put_i64(scratch + _DOUBT + 8 * r, 0)
    y = get_i64(job + t.LOGITS) + 4 * outputs * start
    for place in range(y, y + 4 * outputs * rows, 4):
        put_f32(place, float32(0.0))


@inlined
def _begin_visits(
    model: int, job: int, scratch: int, start: int, rows: int, tree: int, trees: int
) -> None:
    """Put every row at the roots of some trees."""
    inputs, nodes = get_i64(model + t.IN), get_i64(model + t.NEURONS)
    h_bytes = 4 * get_i64(model + t.H_COLUMNS)
    visit, h, place = scratch, scratch + HIDDEN, scratch + _ORDER
    for k in range(tree, tree + trees):
        for r in range(rows):
            put_i64(visit + _X, get_i64(job + t.X) + 4 * inputs * (start + r))
            put_i64(visit + _FIRST, k * nodes)
            put_i64(visit + _NODE, 0)
            put_f64(visit + _NEAREST, NO_BOUNDARY)
            put_i64(visit + _H, h)
            put_i64(visit + _ROW, r)
            put_i64(visit + _TREE, k)
            put_i64(place, visit)
            visit, h, place = visit + _VISIT_BYTES, h + h_bytes, place + 8


@inlined
def _same_neuron(order: int, end: int) -> int:
    """How many visits from here on, up to a tile, are at one neuron: a size of `TILES`."""
    first, count = get_i64(order), 1
    while count < TILES[0] and order + 8 * count < end:
        visit = get_i64(order + 8 * count)
        if get_i64(visit + _NODE) != get_i64(first + _NODE):
            break
        if get_i64(visit + _FIRST) != get_i64(first + _FIRST):
            break
        count += 1
    return 4 if count == 5 else count


@compiled(types.void(_INT, _INT, _INT, _INT, _INT))
def score_level(model: int, scratch: int, visits: int, level: int, terms: int) -> None:
    """Score each visit's neuron and take the visit down to a child, if there is one."""
    inputs, depth = get_i64(model + t.IN), get_i64(model + t.DEPTH)
    size = get_i64(model + t.RECORD_BYTES)
    records, stats = get_i64(model + t.RECORDS), get_i64(model + t.NODE_STATS)
    lists = stack()
    x_list, w_list, out = lists, lists + 64, lists + 128
    order, end = scratch + _ORDER, scratch + _ORDER + 8 * visits
    while order < end:
        count = _same_neuron(order, end)
        shared = 1
        if count == 1:  # then others that are alone at theirs
            shared = 0
            while count < ABREAST[0] and order + 8 * count < end:
                if _same_neuron(order + 8 * count, end) > 1:
                    break
                count += 1
            count = ABREAST[1] if count == 3 else count
        for k in range(count):
            visit = get_i64(order + 8 * k)
            neuron = get_i64(visit + _FIRST) + get_i64(visit + _NODE)
            put_i64(x_list + 8 * k, get_i64(visit + _X))
            put_i64(w_list + 8 * k, records + size * neuron)
        scores(count, shared, x_list, w_list, inputs, out)
        for k in range(count):
            visit = get_i64(order + 8 * k)
            node = get_i64(visit + _NODE)
            stat = stats + t.STAT_BYTES * (get_i64(visit + _FIRST) + node)
            score = float64(get_f32(out + 4 * k) + float32(get_f64(stat + t.BIAS)))
            if level < depth:
                row = 8 * get_i64(visit + _ROW)
                bound = get_f64(scratch + _NORMS + row) * get_f64(stat + t.BOUND_SLOPE)
                bound += get_f64(stat + t.BOUND_CONSTANT)
                if not (abs(score) > bound and abs(score) < math.inf):
                    w = get_i64(w_list + 8 * k)
                    score = canonical_dot(get_i64(visit + _X), w, inputs, terms)
                    score += get_f64(stat + t.BIAS)
                    put_i64(scratch + _DOUBT + row, 1)
                inverse_norm = get_f64(stat + t.INVERSE_NORM)
                distance = abs(score) * inverse_norm
                nearer = distance < get_f64(visit + _NEAREST) or distance != distance
                if inverse_norm < math.inf and nearer:
                    put_f64(visit + _NEAREST, distance)
                right = score >= 0.0 if get_i64(model + t.TIE_GE) else score > 0.0
                put_i64(visit + _NODE, 2 * node + 1 + right)
            put_f32(get_i64(visit + _H) + 4 * level, float32(score))
        order += 8 * count


@compiled(types.void(_INT, _INT))
def sort_children(scratch: int, visits: int) -> None:
    """Of the visits that were at one neuron, bring those that went left before the others."""
    order, spare = scratch + _ORDER, scratch + _SPARE
    start = 0
    while start < visits:
        first = get_i64(order + 8 * start)
        tree, parent = get_i64(first + _FIRST), (get_i64(first + _NODE) - 1) >> 1
        stop, right = start, 0
        while stop < visits:
            visit = get_i64(order + 8 * stop)
            node = get_i64(visit + _NODE)
            if get_i64(visit + _FIRST) != tree or (node - 1) >> 1 != parent:
                break
            if node & 1:  # a left child's number is odd
                put_i64(order + 8 * (stop - right), visit)
            else:
                put_i64(spare + 8 * right, visit)
                right += 1
            stop += 1
        for k in range(right):
            put_i64(order + 8 * (stop - right + k), get_i64(spare + 8 * k))
        start = stop


@compiled(types.void(_INT, _INT, _INT, _INT, _INT))
def add_up(model: int, job: int, scratch: int, start: int, visits: int) -> None:
    """Add the outputs of the neurons on each path, tree after tree, and say where paths ended."""
    depth, trees = get_i64(model + t.DEPTH), get_i64(model + t.TREES)
    outputs, size = get_i64(model + t.OUT), get_i64(model + t.RECORD_BYTES)
    leaf_0 = (1 << depth) - 1
    w_out = get_i64(model + t.RECORDS) + get_i64(model + t.W2)
    lists = stack()
    h_list, y_list, w_list = lists, lists + 64, lists + 128
    order, end = scratch + _ORDER, scratch + _ORDER + 8 * visits
    while order < end:
        first = get_i64(order)
        tree, node = get_i64(first + _TREE), get_i64(first + _NODE)
        count = _same_neuron(order, end)
        for level in range(depth + 1):
            # In heap order counted from 1, a node's ancestors are its number's upper bits.
            neuron = get_i64(first + _FIRST) + ((node + 1) >> (depth - level)) - 1
            put_i64(w_list + 8 * level, w_out + size * neuron)
        for k in range(count):
            visit = get_i64(order + 8 * k)
            row = start + get_i64(visit + _ROW)
            put_i64(h_list + 8 * k, get_i64(visit + _H))
            put_i64(y_list + 8 * k, get_i64(job + t.LOGITS) + 4 * outputs * row)
            put_i32(get_i64(job + t.LEAF) + 4 * (trees * row + tree), int32(node - leaf_0))
            margin = get_i64(job + t.MARGIN) + 4 * (trees * row + tree)
            put_f32(margin, float32(get_f64(visit + _NEAREST)))
        add_outputs(count, w_list, depth + 1, h_list, y_list, outputs)
        order += 8 * count


@compiled_address(_INT(_INT, _INT, _INT, _INT))
def compute_trees(model: int, job: int, thread: int, chunk: int) -> int:
    """Compute a chunk of rows; returns how many of them met a score that was in doubt."""
    trees, depth = get_i64(model + t.TREES), get_i64(model + t.DEPTH)
    scratch = get_i64(job + t.SCRATCH) + thread * get_i64(job + t.SCRATCH_BYTES)
    terms = get_i64(job + t.TERMS) + thread * get_i64(job + t.SCRATCH_BYTES)
    start = chunk * CHUNK_ROWS
    rows = min(CHUNK_ROWS, get_i64(job + t.ROWS) - start)
    _begin_rows(model, job, scratch, start, rows)
    abreast, tree = VISITS // rows, 0
    while tree < trees:
        some = min(abreast, trees - tree)
        visits = rows * some
        _begin_visits(model, job, scratch, start, rows, tree, some)
        for level in range(depth + 1):
            score_level(model, scratch, visits, level, terms)
            if level < depth and rows > 1:
                sort_children(scratch, visits)
        vectors = visits * get_i64(model + t.H_COLUMNS) // 8
        activate_all(get_i64(model + t.ACTIVATION), scratch + HIDDEN, vectors)
        add_up(model, job, scratch, start, visits)
        tree += some
    doubtful = 0
    for r in range(rows):
        doubtful += get_i64(scratch + _DOUBT + 8 * r)
    return doubtful


@compiled_address(_INT(_INT, _INT, _INT, _INT))
def work_trees(model: int, job: int, thread: int, unused: int) -> int:
    """Take chunks until none is left to begin; returns the number of chunks."""
    chunks: int = -(-get_i64(job + t.ROWS) // CHUNK_ROWS)
    chunk = fetch_add(job + t.NEXT_CHUNK, 1)
    while chunk < chunks:
        doubtful = call(get_i64(model + t.COMPUTE), model, job, thread, chunk)
        if doubtful:
            fetch_add(job + t.RECHECKED, doubtful)
        fetch_add(job + t.DONE, 1)
        chunk = fetch_add(job + t.NEXT_CHUNK, 1)
    return chunks
