"""
A layer as the Triton kernels read it, and the launches that make one batch.

Everything that depends on shapes is fixed here when the layer is packed, by the layer alone.
Only two things follow the batch size, and neither can change a result: whether rows are sorted
at all, and how many levels of the tree one step scores.
"""

from dataclasses import dataclass
from typing import Any, Self

import torch
import triton
from torch import Tensor
from triton.runtime.interpreter import InterpretedFunction

from fff.decision import error_bound
from fff.kernels.gpu.leaves import TILE, leaf_tiles
from fff.kernels.gpu.route import halving_order, rank, route
from fff.weights import FeedForwardWeights, FFFWeights

LEAF_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
UNSORTED_ROWS = 16
"""Up to here each row is a tile of its own: sorting would cost a launch and find few pairs."""
NARROW_BATCH = 64
"""Up to here three levels are scored at once: the walk waits for memory, not for bandwidth."""
_RANKED, _RANK_STEP = 32, 256  # rows a program of `rank` places, and compares with at a time
_MULTIPROCESSORS = 132  # of an H200; more programs than that fill any smaller GPU


@dataclass(frozen=True, slots=True)
class PackedLeaves:
    """
    One set of leaves, or one master leaf, and its launch constants.

    Attributes:
        w1: `[leaves, l, i]`, leaf type: transposed, so that a neuron's weights are one run.
        b1: `[leaves, l]`, float32.
        w2: `[leaves, l, o]`, leaf type.
        b2: `[leaves, o]`, float32.
        constants: Compile-time arguments of `leaf_tiles`, by name.
    """

    w1: Tensor
    b1: Tensor
    w2: Tensor
    b2: Tensor
    constants: dict[str, Any]

    @classmethod
    def pack(
        cls, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, activation: str, dtype: torch.dtype
    ) -> Self:
        """
        Lay leaves out for the kernel, on the device that they are on.

        Args:
            w1: Up projections, `[leaves, i, l]`, float32.
            b1: Hidden biases, `[leaves, l]`, float32.
            w2: Down projections, `[leaves, l, o]`, float32.
            b2: Output biases, `[leaves, o]`, float32.
            activation: A name of `fff.activations`.
            dtype: Leaf type, of `LEAF_DTYPES`.
        """
        leaves, i, l = w1.shape  # noqa: E741
        o = w2.shape[2]
        wide = dtype == torch.float32
        block_n = _block(o, 64 if wide else 128)
        constants = {
            "IN": i,
            "WIDTH": l,
            "OUT": o,
            # Enough programs for a GPU when a few rows each have a leaf of their own.
            "SPLITS": min(triton.cdiv(o, block_n), triton.cdiv(_MULTIPROCESSORS, min(leaves, 64))),
            "ACTIVATION": activation,
            "INTERPRETED": isinstance(leaf_tiles, InterpretedFunction),
            "BLOCK_M": TILE,
            # A step of w1 is 16 KB or less, so that three fit in flight beside each other.
            "BLOCK_K": _block(i, 64 if wide else 128),
            "BLOCK_H": _block(l, 64 if wide else 128),
            "BLOCK_N": block_n,
            "num_warps": 4,
        }
        w1 = w1.transpose(1, 2).to(dtype).contiguous()
        return cls(w1, b1.contiguous(), w2.to(dtype).contiguous(), b2.contiguous(), constants)

    def launch(
        self,
        programs: int,
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
            programs: At least the number of tiles there may be.
            x: Rows, `[n, i]`, float32.
            groups: `row_order`, `tiles` and their count, of `leaf_tiles`.
            y: Logits, `[n * fanout, o]`, float32, written.
            every_row: One leaf computes all rows; the count is of rows.
            master: Logits of the master leaf to be mixed in, `[n, o]`, float32, or None.
            share: Share of the leaf in the mixture, 0 to 1.
            fanout: Leaves that one row visits.
        """
        grid = (programs, self.constants["SPLITS"])
        mixed_in = y if master is None else master
        leaf_tiles[grid](
            *(x, *groups, self.w1, self.b1, self.w2, self.b2, y, mixed_in, share),
            EVERY_ROW=every_row,
            MIXED=master is not None,
            FANOUT=fanout,
            **self.constants,
        )


@dataclass(frozen=True, slots=True)
class PackedLayer:
    """
    An FFF layer on its device, with the scratch memory of one batch.

    Attributes:
        tree: `node_weight`, `node_bias`, `node_norm`, `order` of `route`.
        bound: `slope` and `least` of `route`.
        constants: Compile-time arguments of `route`, by name.
        leaves: Weights of the tree's leaves, packed.
        master: Weights of the master leaf, packed, or None.
        share: Share of the leaf in the output, 0 to 1.
        counts: Rows by leaf, and scores computed twice, `[2**d + 1]`, int64.
        groups: `row_order`, `tiles` and `tile_count`, written anew by every batch.
        master_output: `[rows, o]`, written anew by every batch; empty without a master leaf.
    """

    tree: tuple[Tensor, Tensor, Tensor, Tensor]
    bound: tuple[float, float]
    constants: dict[str, Any]
    leaves: PackedLeaves
    master: PackedLeaves | None
    share: float
    counts: Tensor
    groups: tuple[Tensor, Tensor, Tensor]
    master_output: Tensor

    @property
    def input_width(self) -> int:
        return int(self.leaves.constants["IN"])

    @property
    def output_width(self) -> int:
        return int(self.leaves.constants["OUT"])

    @classmethod
    def pack(cls, w: FFFWeights, device: torch.device, leaf_dtype: str, max_rows: int) -> Self:
        """
        Copy a layer to a device.

        Args:
            w: Weights, on any device.
            device: A CUDA device; or the CPU, in Triton's interpreter.
            leaf_dtype: A name of `LEAF_DTYPES`.
            max_rows: Most rows of one batch.

        Raises:
            ValueError: If `leaf_dtype` is not one of `LEAF_DTYPES`.
        """
        if leaf_dtype not in LEAF_DTYPES:
            raise ValueError(f"leaf dtype must be one of {list(LEAF_DTYPES)}; got {leaf_dtype!r}")
        dtype = LEAF_DTYPES[leaf_dtype]
        w1, b1, w2, b2 = (t.to(device) for t in (w.w1, w.b1, w.w2, w.output_bias))
        return cls(
            tree=_tree(w, device),
            bound=_bound(w.input_width),
            constants=_route_constants(w),
            leaves=PackedLeaves.pack(w1, b1, w2, b2, w.activation, dtype),
            master=None if w.master is None else _master(w.master, device, dtype),
            share=w.mix,
            counts=torch.zeros(w.leaves + 1, dtype=torch.int64, device=device),
            groups=scratch(max_rows, device),
            master_output=torch.empty(max_rows if w.master else 0, w.output_width, device=device),
        )


def scratch(rows: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Memory for `row_order`, `tiles` and `tile_count` of up to so many rows."""
    sizes = (rows,), (rows, 3), (1,)
    order, tiles, count = (torch.zeros(s, dtype=torch.int32, device=device) for s in sizes)
    return order, tiles, count


def launch(
    layer: PackedLayer,
    x: Tensor,
    n_rows: Tensor,
    logits: Tensor,
    leaf: Tensor,
    margin: Tensor,
    bucket: int,
) -> None:
    """
    Compute one batch: two to four launches.

    Args:
        layer: Weights and scratch memory, on the device.
        x: Rows, at least `[n, i]`, float32.
        n_rows: Number of rows, at most `bucket`, `[1]`, int32.
        logits: `[bucket, o]`, float32, written.
        leaf: `[bucket]`, int32, written.
        margin: `[bucket]`, float32, written.
        bucket: Rows to launch programs for; those past `n_rows` end at once.
    """
    is_sorted = bucket > UNSORTED_ROWS
    route[(bucket,)](
        *(x, n_rows, *layer.tree, *layer.bound, leaf, margin, *layer.groups, layer.counts),
        HOP=3 if bucket <= NARROW_BATCH else 1,
        SORTED=is_sorted,
        **layer.constants,
    )
    if is_sorted:
        place(leaf, n_rows, layer.groups, layer.counts, bucket)
    programs = most_tiles(bucket, len(layer.counts) - 1) if is_sorted else bucket
    master = None
    if layer.master is not None:
        master = layer.master_output
        order, tiles, _ = layer.groups
        all_rows = triton.cdiv(bucket, TILE)
        layer.master.launch(all_rows, x, (order, tiles, n_rows), master, every_row=True)
    layer.leaves.launch(programs, x, layer.groups, logits, master=master, share=layer.share)


def place(
    leaf: Tensor, n_rows: Tensor, groups: tuple[Tensor, Tensor, Tensor], counts: Tensor, rows: int
) -> None:
    """Sort up to `rows` rows by leaf and cut them into tiles; the tile count must be 0."""
    rank[(triton.cdiv(rows, _RANKED),)](
        *(leaf, n_rows, *groups, counts),
        ROWS=rows,
        TILE=TILE,
        MINE=_RANKED,
        OTHERS=_RANK_STEP,
        num_warps=4,
    )


def most_tiles(rows: int, leaves: int) -> int:
    """Most tiles that any routing can make: each leaf reached may leave one partly filled."""
    reached = min(rows, leaves)
    return (rows - reached) // TILE + reached


def _tree(w: FFFWeights, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    norm = torch.linalg.vector_norm(w.node_weight, dim=-1, dtype=torch.float64)
    tensors = (w.node_weight, w.node_bias, norm, halving_order(w.input_width))
    weight, bias, norm, order = (t.to(device).contiguous() for t in tensors)
    return weight, bias, norm, order


def _bound(input_width: int) -> tuple[float, float]:
    """Slope and least value of `error_bound`, which is linear in what it is given."""
    zero, one = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
    return float(error_bound(input_width, one, one, zero)), float(
        error_bound(input_width, zero, zero, zero)
    )


def _route_constants(w: FFFWeights) -> dict[str, Any]:
    terms = triton.next_power_of_2(w.input_width)
    return {
        "WIDTH": w.input_width,
        "DEPTH": w.depth,
        "TERMS": terms,
        "HALVINGS": terms.bit_length() - 1,
        "BLOCK": min(512, terms),
        "TIE_GOES_RIGHT": w.tie == "ge",
        # By the compiler's own report for sm_90, at most 110 registers and none spilled up to
        # 8,192 inputs: a program holds the canonical sum whole.
        "num_warps": min(16, max(4, terms // 512)),
    }


def _master(w: FeedForwardWeights, device: torch.device, dtype: torch.dtype) -> PackedLeaves:
    w1, b1, w2, b2 = (t.to(device)[None] for t in w.tensors().values())
    return PackedLeaves.pack(w1, b1, w2, b2, w.activation, dtype)


def _block(size: int, most: int) -> int:
    """Power of two that covers `size` if `most` allows; at least 16, for tensor cores."""
    return min(most, max(16, int(triton.next_power_of_2(size))))
