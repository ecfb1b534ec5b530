"""
The launches that make one batch.

Few rows are one launch (`rows`); more are three, which route them (`route`), sort them by leaf
(`rank`) and compute the leaves (`leaves`). A master leaf is one more, and the first.

Three things follow the batch size, and none can change a result: whether rows are sorted at all,
how many levels of the tree one step scores, and how many programs share a tile's output columns.
"""

from typing import Any

import triton
from torch import Tensor

from fff.kernels.gpu.graphs import DeviceBatch
from fff.kernels.gpu.layer import PackedLayer, PackedLeaves
from fff.kernels.gpu.leaves import TILE, leaf_tiles
from fff.kernels.gpu.route import rank, route
from fff.kernels.gpu.rows import infer_rows
from fff.kernels.gpu.tuning import DEFAULT_TUNING, Tuning


def launch(layer: PackedLayer, batch: DeviceBatch, bucket: int) -> None:
    """
    Compute one batch on the current stream: one to four launches.

    Args:
        layer: Weights and scratch memory, on the device.
        batch: Memory for `bucket` rows or more.
        bucket: Rows to launch programs for; those past the batch's `n_rows` end at once.
    """
    master = None if layer.master is None else _compute_master(layer, batch, bucket)
    if bucket <= layer.tuning.unsorted_rows:
        infer_unsorted(layer, batch, bucket, master)
        return
    route_rows(layer, batch, bucket)
    place(batch.leaf, batch.n_rows, layer.groups, bucket, layer.tuning)
    compute_leaves(layer, batch, bucket, master)


def infer_unsorted(
    layer: PackedLayer, batch: DeviceBatch, bucket: int, master: Tensor | None = None
) -> None:
    """Route every row and compute its leaf, in one launch."""
    leaves, y = layer.leaves, batch.logits
    infer_rows[(bucket, leaves.programs_a_tile(bucket))](
        *(batch.x, batch.n_rows, *layer.tree, *layer.bound),
        *(batch.leaf, batch.margin, batch.rechecked),
        *(leaves.w1, leaves.b1, leaves.w2, leaves.b2, y, y if master is None else master),
        layer.share,
        MIXED=master is not None,
        **_walk_constants(layer, bucket),
        **leaves.constants
        | {
            "num_warps": max(layer.warps, leaves.constants["num_warps"]),
            "num_stages": leaves.row_stages,
        },
    )


def route_rows(layer: PackedLayer, batch: DeviceBatch, bucket: int) -> None:
    """Find every row's leaf and margin."""
    route[(bucket,)](
        *(batch.x, batch.n_rows, *layer.tree, *layer.bound),
        *(batch.leaf, batch.margin, layer.groups[2], batch.rechecked),
        WIDTH=layer.input_width,
        num_warps=layer.warps,
        **_walk_constants(layer, bucket),
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


def compute_leaves(
    layer: PackedLayer, batch: DeviceBatch, bucket: int, master: Tensor | None = None
) -> None:
    """Compute every tile."""
    tiles = most_tiles(bucket, len(layer.leaves.w1))
    share = layer.share
    launch_tiles(
        layer.leaves, tiles, batch.x, layer.groups, batch.logits, master=master, share=share
    )


def _compute_master(layer: PackedLayer, batch: DeviceBatch, bucket: int) -> Tensor:
    assert layer.master is not None
    every_row = (*layer.groups[:2], batch.n_rows)
    tiles, y = triton.cdiv(bucket, TILE), layer.master_output
    launch_tiles(layer.master, tiles, batch.x, every_row, y, every_row=True)
    return y


def _walk_constants(layer: PackedLayer, bucket: int) -> dict[str, Any]:
    if bucket > layer.tuning.narrow_rows:
        return layer.constants | {"HOP": 1}
    # A GPU has registers enough for so few programs; left alone, the compiler saves some for more
    # of them and spills, which costs each its time.
    registers = min(255, 65_536 // (32 * max(4, layer.warps)))
    return layer.constants | {"HOP": 3, "maxnreg": registers}


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
    leaf_tiles[(tiles, leaves.programs_a_tile(tiles))](
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
