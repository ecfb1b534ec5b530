# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
"""
The Triton kernel of the leaves: gather a tile's rows, up, activation, down, mix, scatter.

The same code computes leaves, of rows sorted or alone, and the master leaf. A tile always has
`TILE` rows, empty ones filled with zeros, and its arithmetic depends on the layer alone, never on
the batch: so a row's bits do not depend on its neighbours (as far as the hardware treats the rows
of a matrix product alike; whoever serves a layer looks, when it is loaded).

Products are of the leaf's storage type and added in float32. Float32 leaves use float32
products ("ieee"), not TF32.
"""

import triton
import triton.language as tl

from fff.kernels.gpu.activations import activate

TILE = 16
"""Rows of a tile: the least that tensor cores take. Leaves are bound by memory until each has
some 184 rows of its own (H200, bfloat16), so larger tiles would mostly be filled with zeros."""


@triton.jit
def _narrow(x, dtype: tl.constexpr, INTERPRETED: tl.constexpr):
    """Round float32 to the leaf type, to nearest even; the interpreter would cut bfloat16 off."""
    if INTERPRETED and dtype == tl.bfloat16:
        bits = x.to(tl.int32, bitcast=True)
        bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & -0x10000
        x = bits.to(tl.float32, bitcast=True)
    return x.to(dtype)


@triton.jit
def _add_product(a, b, sums, INTERPRETED: tl.constexpr):
    """Add `a @ b` in float32; the interpreter has no product of bfloat16, so it is widened."""
    if INTERPRETED:
        a, b = a.to(tl.float32), b.to(tl.float32)
    return tl.dot(a, b, sums, input_precision="ieee")


@triton.jit
def _hidden(
    x,
    row,
    live,
    w1,
    b1,
    start,
    IN: tl.constexpr,
    WIDTH: tl.constexpr,
    ACTIVATION: tl.constexpr,
    INTERPRETED: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_H: tl.constexpr,
):
    """Compute a tile's hidden neurons from `start` on, `[BLOCK_M, BLOCK_H]`, in leaf type."""
    neuron = start + tl.arange(0, BLOCK_H)
    real = neuron < WIDTH
    sums = tl.zeros([BLOCK_M, BLOCK_H], tl.float32)
    for k in range(0, IN, BLOCK_K):
        column = k + tl.arange(0, BLOCK_K)
        inside = column < IN
        xs = tl.load(
            x + row[:, None] * IN + column[None, :],
            mask=live[:, None] & inside[None, :],
            other=0.0,
        )  # [BLOCK_M, BLOCK_K]
        ws = tl.load(
            w1 + neuron[None, :] * IN + column[:, None],
            mask=real[None, :] & inside[:, None],
            other=0.0,
        )  # [BLOCK_K, BLOCK_H]
        sums = _add_product(_narrow(xs, w1.dtype.element_ty, INTERPRETED), ws, sums, INTERPRETED)
    sums += tl.load(b1 + neuron, mask=real, other=0.0)[None, :]
    # Of a neuron that is not there some activations are not 0, so they are cut off after it.
    hidden = tl.where(real[None, :], activate(sums, ACTIVATION), 0.0)
    return _narrow(hidden, w1.dtype.element_ty, INTERPRETED)


@triton.jit
def _tile_rows(row_order, tiles, count, tile, lane, EVERY_ROW: tl.constexpr, BLOCK_M: tl.constexpr):
    """Leaf of a tile, its rows `[BLOCK_M]` int64, and which of them exist, `[BLOCK_M]` bool."""
    if EVERY_ROW:
        leaf = 0
        row = tile * BLOCK_M + lane
        live = row < tl.load(count)
    else:
        leaf = tl.load(tiles + 3 * tile)
        live = lane < tl.load(tiles + 3 * tile + 2)
        row = tl.load(row_order + tl.load(tiles + 3 * tile + 1) + lane, mask=live, other=0)
    row = row.to(tl.int64)
    return tl.cast(leaf, tl.int64), row, live


@triton.jit
def _store(y, sums, at, exists, master, share, MIXED: tl.constexpr):
    """Write a block of a tile's outputs, mixed with the master leaf's where there is one."""
    if MIXED:
        sums = share * sums + (1 - share) * tl.load(master + at, mask=exists, other=0.0)
    tl.store(y + at, sums, mask=exists)


@triton.jit
def compute_tile(
    x, leaf, row, live, w1, b1, w2, b2, y, master, share,
    IN: tl.constexpr, WIDTH: tl.constexpr, OUT: tl.constexpr, MIXED: tl.constexpr,
    FANOUT: tl.constexpr, ACTIVATION: tl.constexpr, INTERPRETED: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_K: tl.constexpr, BLOCK_H: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """
    Compute a tile, and of its output every block of columns that is this program's turn.

    Its rows are `row`, `[BLOCK_M]` int64, of which those exist that `live` says, and share `leaf`,
    int64; all else is as in `leaf_tiles`.
    """
    w1, w2 = w1 + leaf * (WIDTH * IN), w2 + leaf * (WIDTH * OUT)
    b1, b2 = b1 + leaf * WIDTH, b2 + leaf * OUT
    x_row = row // FANOUT
    if WIDTH <= BLOCK_H:  # the usual leaf: its hidden neurons fit in one block
        hidden = _hidden(
            x, x_row, live, w1, b1, 0, IN, WIDTH, ACTIVATION, INTERPRETED, BLOCK_M, BLOCK_K, BLOCK_H
        )
    # How many programs share a tile follows the batch; what a column's bits are does not.
    for first in range(tl.program_id(1) * BLOCK_N, OUT, tl.num_programs(1) * BLOCK_N):
        column = first + tl.arange(0, BLOCK_N)
        inside = column < OUT
        sums = tl.zeros([BLOCK_M, BLOCK_N], tl.float32)
        for start in range(0, WIDTH, BLOCK_H):
            if WIDTH > BLOCK_H:  # wider: computed again for each block of columns
                hidden = _hidden(
                    x, x_row, live, w1, b1, start, IN, WIDTH, ACTIVATION, INTERPRETED,
                    BLOCK_M, BLOCK_K, BLOCK_H,
                )  # fmt: skip
            neuron = start + tl.arange(0, BLOCK_H)
            ws = tl.load(
                w2 + neuron[:, None] * OUT + column[None, :],
                mask=(neuron < WIDTH)[:, None] & inside[None, :],
                other=0.0,
            )  # [BLOCK_H, BLOCK_N]
            sums = _add_product(hidden, ws, sums, INTERPRETED)
        sums += tl.load(b2 + column, mask=inside, other=0.0)[None, :]
        at = row[:, None] * OUT + column[None, :]
        exists = live[:, None] & inside[None, :]
        _store(y, sums, at, exists, master, share, MIXED)


@triton.jit
def leaf_tiles(
    x,  # [n, i] float32
    row_order,  # [n * FANOUT] int32
    tiles,  # [tiles, 3] int32: leaf, first position in row_order, rows
    count,  # [1] int32: tiles, or rows with EVERY_ROW
    w1,  # [leaves, l, i] leaf type
    b1,  # [leaves, l] float32
    w2,  # [leaves, l, o] leaf type
    b2,  # [leaves, o] float32
    y,  # out: [n * FANOUT, o] float32
    master,  # [n, o] float32; read only when MIXED
    share,  # of the leaf when MIXED
    IN: tl.constexpr,
    WIDTH: tl.constexpr,
    OUT: tl.constexpr,
    EVERY_ROW: tl.constexpr,  # one leaf, all rows in their own order: the master leaf
    MIXED: tl.constexpr,
    FANOUT: tl.constexpr,  # leaves a row visits: 1; mixtures of experts in `bench` use 2
    ACTIVATION: tl.constexpr,
    INTERPRETED: tl.constexpr,  # not compiled: see _narrow and _add_product
    BLOCK_M: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_H: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    """Compute one tile, and of its output every block of columns that is this program's turn."""
    tile, lane = tl.program_id(0), tl.arange(0, BLOCK_M)
    if tile * (BLOCK_M if EVERY_ROW else 1) >= tl.load(count):
        return
    leaf, row, live = _tile_rows(row_order, tiles, count, tile, lane, EVERY_ROW, BLOCK_M)
    compute_tile(
        x, leaf, row, live, w1, b1, w2, b2, y, master, share,
        IN, WIDTH, OUT, MIXED, FANOUT, ACTIVATION, INTERPRETED, BLOCK_M, BLOCK_K, BLOCK_H, BLOCK_N,
    )  # fmt: skip
