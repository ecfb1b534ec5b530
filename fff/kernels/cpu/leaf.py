"""
A leaf, compiled: `b2 + act(b1 + x @ w1) @ w2` for the rows that reached it.

The order of a row's additions is a property of the layer: four segments of inputs one after the
other, in each the even and the odd inputs by themselves (`simd.up`), then neuron after neuron
(`simd.down`). So the bits of a row depend on nothing but the row and the weights.

Addresses are int64; `index` holds the row numbers of a tile, int64.
"""

from numba import float32, float64, int64, types

from fff.kernels.cpu import tables as t
from fff.kernels.cpu.activations import HARDSWISH, curve, piecewise
from fff.kernels.cpu.compile import compiled, compiled_address, inlined
from fff.kernels.cpu.simd import BLOCK, DOTS, PANEL, TILE_ROWS, dots, down, up
from fff.kernels.cpu.simd_ir import LANES
from fff.kernels.cpu.simd_memory import get_f32, get_i32, get_i64, put_f32, put_i64, stack

_INT = types.int64
_SEGMENTS = 4  # shorter sums round less: at 768 inputs half the error of one segment
_WIDE_DOTS = DOTS[0]
_piecewise, _curve = (compiled(types.float64(_INT, types.float64))(f) for f in (piecewise, curve))


@compiled(types.void(_INT, _INT, _INT))
def activate(kind: int, h: int, count: int) -> None:
    """Apply an activation, of `activations.KINDS`, to `count` float32 in place."""
    if kind <= HARDSWISH:
        for neuron in range(h, h + 4 * count, 4):
            put_f32(neuron, float32(_piecewise(kind, float64(get_f32(neuron)))))
    else:
        for neuron in range(h, h + 4 * count, 4):
            put_f32(neuron, float32(_curve(kind, float64(get_f32(neuron)))))


@compiled(types.void(_INT, _INT, _INT, _INT, _INT, _INT))
def add_narrow(model: int, w1: int, x: int, index: int, rows: int, h: int) -> None:
    """`h += x @ w1` by dot products, for a leaf of few neurons."""
    width, neurons = get_i64(model + t.IN), get_i64(model + t.NEURONS)
    lists = stack()
    x_list, w_list, out = lists, lists + 64, lists + 128
    for r in range(rows):
        row = x + 4 * width * get_i64(index + 8 * r)
        for first in range(0, neurons, _WIDE_DOTS):
            count = min(_WIDE_DOTS, neurons - first)
            padded = count if count != 3 else _WIDE_DOTS  # the fourth product is thrown away
            for k in range(padded):
                put_i64(x_list + 8 * k, row)
                put_i64(w_list + 8 * k, w1 + 4 * width * (first + min(k, count - 1)))
            dots(padded, x_list, w_list, width, out)
            for k in range(count):
                neuron = h + 4 * (r * get_i64(model + t.H_COLUMNS) + first + k)
                put_f32(neuron, get_f32(neuron) + get_f32(out + 4 * k))


@inlined
def hidden(model: int, record: int, x: int, index: int, rows: int, h: int) -> None:
    """Write the activations of a tile, `[rows, h_columns]`, float32, to `h`."""
    width, columns = get_i64(model + t.IN), get_i64(model + t.H_COLUMNS)
    item, w1 = get_i64(model + t.ITEM_BYTES), record + get_i64(model + t.W1)
    for r in range(rows):
        for k in range(columns):
            put_f32(h + 4 * (r * columns + k), get_f32(record + 4 * k))
    if get_i64(model + t.NARROW):
        add_narrow(model, w1, x, index, rows, h)
    else:
        step = width // _SEGMENTS
        for start in range(0, columns, PANEL):
            c = min(PANEL, columns - start)
            panel, h_panel = w1 + item * width * start, h + 4 * start
            for s in range(_SEGMENTS):
                k = s * step
                steps = step if s < _SEGMENTS - 1 else width - k
                w = panel + item * c * k
                up(
                    *(item, rows, c, x + 4 * k, 4 * width, index),
                    *(w, item * c, steps, h_panel, 4 * columns),
                )
    activate(get_i64(model + t.ACTIVATION), h, rows * columns)


@compiled_address(_INT(_INT, _INT, _INT, _INT))
def compute_unit(model: int, job: int, thread: int, unit: int) -> int:
    """Compute a unit: up to UNIT_ROWS rows of one leaf, in the thread's own scratch memory."""
    starts, out = get_i64(job + t.UNITS) + 8 * unit, get_i64(model + t.OUT)
    index = get_i64(job + t.ORDER) + 8 * get_i64(starts)
    remaining = get_i64(starts + 8) - get_i64(starts)
    leaf = int64(get_i32(get_i64(job + t.LEAF) + 4 * get_i64(index)))
    record = get_i64(model + t.RECORDS) + leaf * get_i64(model + t.RECORD_BYTES)
    w2, b2 = record + get_i64(model + t.W2), record + get_i64(model + t.B2)
    item, neurons = get_i64(model + t.ITEM_BYTES), get_i64(model + t.NEURONS)
    h = get_i64(job + t.SCRATCH) + thread * get_i64(job + t.SCRATCH_BYTES)
    h_bytes, y = 4 * get_i64(model + t.H_COLUMNS), get_i64(job + t.LOGITS)
    while remaining > 0:
        rows = min(TILE_ROWS, remaining)
        hidden(model, record, get_i64(job + t.X), index, rows, h)
        start = 0
        while start < out:
            c = BLOCK if out - start >= BLOCK else LANES
            w = w2 + item * neurons * start
            down(
                *(item, rows, c, h, h_bytes, w, b2 + 4 * start, neurons),
                *(y + 4 * start, 4 * out, index, out - start),
            )
            start += c
        index += 8 * rows
        remaining -= rows
    return 0
