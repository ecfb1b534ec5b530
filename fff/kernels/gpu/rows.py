# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
"""
The Triton kernel of small batches: each row walks the tree and computes its leaf, in one launch.

Few rows seldom share a leaf, and a launch takes as long as reading some leaves once more: nothing
is sorted. Where a row's output columns are shared by several programs, each of them walks.
"""

import triton
import triton.language as tl

from fff.kernels.gpu.leaves import compute_tile
from fff.kernels.gpu.route import store_route, walk


@triton.jit
def infer_rows(
    x,  # [n, i] float32
    n_rows,  # [1] int32
    node_weight, node_bias, node_norm, inverse_norm, order, slope, least,  # as of `route`
    leaf,  # out: [n] int32
    margin,  # out: [n] float32
    rechecked,  # in, out: [1] int64
    w1, b1, w2, b2, y, master, share,  # as of `leaf_tiles`
    IN: tl.constexpr,
    WIDTH: tl.constexpr,
    OUT: tl.constexpr,
    DEPTH: tl.constexpr,
    HOP: tl.constexpr,
    TERMS: tl.constexpr,
    HALVINGS: tl.constexpr,
    BLOCK: tl.constexpr,
    TIE_GOES_RIGHT: tl.constexpr,
    MIXED: tl.constexpr,
    ACTIVATION: tl.constexpr,
    INTERPRETED: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_H: tl.constexpr,
    BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Compute one row, and of its output every block of columns that is this program's turn."""
    row = tl.program_id(0)
    if row >= tl.load(n_rows):
        return
    j, nearest, doubtful = walk(
        x + row.to(tl.int64) * IN, node_weight, node_bias, node_norm, inverse_norm, order,
        slope, least, IN, DEPTH, HOP, TERMS, HALVINGS, BLOCK, TIE_GOES_RIGHT,
    )  # fmt: skip
    if tl.program_id(1) == 0:
        store_route(row, j, nearest, doubtful, leaf, margin, rechecked)
    lane = tl.arange(0, BLOCK_M)
    compute_tile(
        x, j.to(tl.int64), (row + 0 * lane).to(tl.int64), lane == 0, w1, b1, w2, b2, y, master,
        share, IN, WIDTH, OUT, MIXED, 1, ACTIVATION, INTERPRETED, BLOCK_M, BLOCK_K, BLOCK_H,
        BLOCK_N,
    )  # fmt: skip
