"""
The launches that make one batch.

Three things follow the batch size, and none can change a result: whether rows are sorted at all,
how many levels of the tree one step scores, and how many programs share the columns of a tile.
"""

import triton
from torch import Tensor

from fff.kernels.gpu.graphs import DeviceBatch
from fff.kernels.gpu.layer import DEFAULT_TUNING, PackedLayer, PackedLeaves, Tuning
from fff.kernels.gpu.leaves import TILE, leaf_tiles
from fff.kernels.gpu.route import rank, route


def launch(layer: PackedLayer, batch: DeviceBatch, bucket: int) -> None:
    """
    Compute one batch on the current stream: two to four launches.

    Args:
        layer: Weights and scratch memory, on the device.
        batch: Memory for `bucket` rows or more.
        bucket: Rows to launch programs for; those past the batch's `n_rows` end at once.
    """
    route_rows(layer, batch, bucket)
    if bucket > layer.tuning.unsorted_rows:
        place(batch.leaf, batch.n_rows, layer.groups, bucket, layer.tuning)
    compute_leaves(layer, batch, bucket)


def route_rows(layer: PackedLayer, batch: DeviceBatch, bucket: int) -> None:
    """Find every row's leaf and margin; where rows are not sorted, each is a tile afterwards."""
    route[(bucket,)](
        *(batch.x, batch.n_rows, *layer.tree, *layer.bound),
        *(batch.leaf, batch.margin, *layer.groups, batch.rechecked),
        HOP=3 if bucket <= layer.tuning.narrow_rows else 1,
        SORTED=bucket > layer.tuning.unsorted_rows,
        **layer.constants,
    )


def place(
    leaf: Tensor,
    n_rows: Tensor,
    groups: tuple[Tensor, Tensor, Tensor],
    rows: int,
    tuning: Tuning = DEFAULT_TUNING,
) -> None:
    """Sort up to `rows` rows by leaf and cut them into tiles; the tile count must be 0."""
    rank[(triton.cdiv(rows, tuning.ranked_rows),)](
        *(leaf, n_rows, *groups),
        TILE=TILE,
        MINE=tuning.ranked_rows,
        OTHERS=tuning.rank_step,
        num_warps=4,
    )


def compute_leaves(layer: PackedLayer, batch: DeviceBatch, bucket: int) -> None:
    """Compute every tile, and the master leaf first where there is one."""
    x, master = batch.x, None
    if layer.master is not None:
        master = layer.master_output
        every_row = (*layer.groups[:2], batch.n_rows)
        tiles = triton.cdiv(bucket, TILE)
        launch_tiles(layer.master, tiles, x, every_row, master, every_row=True)
    is_sorted = bucket > layer.tuning.unsorted_rows
    tiles = most_tiles(bucket, len(layer.leaves.w1)) if is_sorted else bucket
    share = layer.share
    launch_tiles(layer.leaves, tiles, x, layer.groups, batch.logits, master=master, share=share)


def launch_tiles(
    leaves: PackedLeaves,
    tiles: int,
    x: Tensor,
    groups: tuple[Tensor, Tensor, Tensor],
    y: Tensor,
    *,
    every_row: bool = False,
    master: Tensor | None = None,
    share: float = 1.0,
    fanout: int = 1,
) -> None:
    """
    Compute tiles.

    Args:
        leaves: Weights.
        tiles: At least as many as there may be.
        x: Rows, `[n, i]`, float32.
        groups: `row_order`, `tiles` and their count, of `leaf_tiles`.
        y: Logits, `[n * fanout, o]`, float32, written.
        every_row: One leaf computes all rows; the count is of rows.
        master: Logits of the master leaf to be mixed in, `[n, o]`, float32, or None.
        share: Share of the leaf in the mixture, 0 to 1.
        fanout: Leaves that one row visits.
    """
    column_blocks = triton.cdiv(leaves.constants["OUT"], leaves.constants["BLOCK_N"])
    leaf_tiles[(tiles, min(column_blocks, max(1, leaves.programs // tiles)))](
        *(x, *groups, leaves.w1, leaves.b1, leaves.w2, leaves.b2),
        *(y, y if master is None else master, share),
        EVERY_ROW=every_row,
        MIXED=master is not None,
        FANOUT=fanout,
        **leaves.constants,
    )


def most_tiles(rows: int, leaves: int) -> int:
    """Most tiles that any routing can make: each leaf reached may leave one partly filled."""
    reached = min(rows, leaves)
    return (rows - reached) // TILE + reached
