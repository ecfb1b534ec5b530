"""
A layer as the Triton kernels read it, packed on a device.

Everything that depends on shapes is fixed here, by the layer alone: no result depends on the batch
that a row comes in.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Any, Self

import torch
import triton
from torch import Tensor
from triton.runtime.interpreter import InterpretedFunction

from fff.chunks import chunk_slices
from fff.decision import error_bound
from fff.errors import BackendUnavailable
from fff.kernels.gpu.leaves import TILE, leaf_tiles
from fff.kernels.gpu.route import halving_order
from fff.kernels.gpu.tuning import DEFAULT_TUNING, Tuning
from fff.weights import FeedForwardWeights, FFFWeights

LEAF_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

_STAGED_BYTES = 96 << 10


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
        row_stages: `num_stages` of few rows.
        block_bytes: Of `Tuning`.
    """

    w1: Tensor
    b1: Tensor
    w2: Tensor
    b2: Tensor
    constants: dict[str, Any]
    row_stages: int
    block_bytes: int

    def programs_a_tile(self, tiles: int) -> int:
        """
        How many programs share a tile's output columns, each of which reads all of `w1`.

        `s` of them take each the time of `blocks / s` blocks of columns; all programs of all tiles
        read `s w1` a tile from the cache. The sum of both times is least at the root of
        `blocks block_bytes / (tiles w1)`.
        """
        blocks = triton.cdiv(self.constants["OUT"], self.constants["BLOCK_N"])
        read = tiles * self.w1[0].nbytes
        return int(max(1, min(blocks, round(sqrt(blocks * self.block_bytes / read)))))

    @classmethod
    def pack(
        cls,
        w1: Tensor,
        b1: Tensor,
        w2: Tensor,
        b2: Tensor,
        activation: str,
        dtype: torch.dtype,
        device: torch.device,
        tuning: Tuning = DEFAULT_TUNING,
    ) -> Self:
        """
        Lay leaves out for the kernel.

        Args:
            w1: Up projections, `[leaves, i, l]`, float32.
            b1: Hidden biases, `[leaves, l]`, float32.
            w2: Down projections, `[leaves, l, o]`, float32.
            b2: Output biases, `[leaves, o]`, float32.
            activation: A name of `fff.activations`.
            dtype: Leaf type, of `LEAF_DTYPES`.
            device: Where they are copied to.
            tuning: Choices of the launches.

        Raises:
            BackendUnavailable: If one leaf is larger than the kernel's 32-bit offsets reach.
        """
        _, i, l = w1.shape  # noqa: E741
        o = w2.shape[2]
        if l * max(i, o) >= 2**31:
            raise BackendUnavailable(
                f"backend triton takes leaves of fewer than 2**31 weights a matrix; "
                f"got {l} neurons of {i} inputs and {o} outputs"
            )
        wide = dtype == torch.float32
        constants: dict[str, Any] = {
            "IN": i,
            "WIDTH": l,
            "OUT": o,
            "ACTIVATION": activation,
            "INTERPRETED": isinstance(leaf_tiles, InterpretedFunction),
            "BLOCK_M": TILE,
            # A step of w1 is 16 KB or less, so that three fit in flight beside each other.
            "BLOCK_K": _block(i, 64 if wide else 128),
            "BLOCK_H": _block(l, 64 if wide else 128),
            "BLOCK_N": _block(o, 64 if wide else 128),
            "num_warps": tuning.leaf_warps,
            "num_stages": tuning.leaf_stages,
        }
        w1 = _copied(w1, device, dtype, transposed=True)
        w2 = _copied(w2, device, dtype)
        b1, b2 = b1.to(device).contiguous(), b2.to(device).contiguous()
        stage_bytes = constants["BLOCK_K"] * (constants["BLOCK_H"] * dtype.itemsize + 4 * TILE)
        stages = max(2, min(tuning.row_stages, _STAGED_BYTES // stage_bytes + 1))
        return cls(w1, b1, w2, b2, constants, stages, tuning.block_bytes)


@dataclass(frozen=True, slots=True)
class PackedLayer:
    """
    An FFF layer on its device, with the scratch memory of one batch.

    Attributes:
        tree: `node_weight`, `node_bias`, `node_norm`, `inverse_norm`, `order` of `route`.
        bound: `slope` and `least` of `route`.
        constants: Compile-time arguments of `walk` but its width and levels a step, by name.
        warps: Of a program that walks: it holds a row's canonical sum whole, 32 terms a thread.
        leaves: Weights of the tree's leaves, packed.
        master: Weights of the master leaf, packed, or None.
        share: Share of the leaf in the output, 0 to 1.
        groups: `row_order`, `tiles` and `tile_count`, written anew by every batch.
        master_output: `[rows, o]`, written anew by every batch; empty without a master leaf.
        tuning: Choices of the launches.
    """

    tree: tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
    bound: tuple[float, float]
    constants: dict[str, Any]
    warps: int
    leaves: PackedLeaves
    master: PackedLeaves | None
    share: float
    groups: tuple[Tensor, Tensor, Tensor]
    master_output: Tensor
    tuning: Tuning

    @property
    def input_width(self) -> int:
        return int(self.leaves.constants["IN"])

    @property
    def output_width(self) -> int:
        return int(self.leaves.constants["OUT"])

    @classmethod
    def pack(
        cls,
        w: FFFWeights,
        device: torch.device,
        leaf_dtype: str,
        max_rows: int,
        tuning: Tuning = DEFAULT_TUNING,
    ) -> Self:
        """
        Copy a layer to a device.

        Args:
            w: Weights, on any device.
            device: A CUDA device; or the CPU, in Triton's interpreter.
            leaf_dtype: A name of `LEAF_DTYPES`.
            max_rows: Most rows of one batch.
            tuning: Choices of the launches.

        Raises:
            ValueError: If `leaf_dtype` is not one of `LEAF_DTYPES`.
        """
        if leaf_dtype not in LEAF_DTYPES:
            raise ValueError(f"leaf dtype must be one of {list(LEAF_DTYPES)}; got {leaf_dtype!r}")
        dtype = LEAF_DTYPES[leaf_dtype]
        leaves = PackedLeaves.pack(
            w.w1, w.b1, w.w2, w.output_bias, w.activation, dtype, device, tuning
        )
        return cls(
            tree=_tree(w, device),
            bound=_bound(w.input_width),
            constants=_walk_constants(w, tuning),
            warps=tuning.route_warps or max(4, triton.next_power_of_2(w.input_width) // 1024),
            leaves=leaves,
            master=None if w.master is None else _master(w.master, device, dtype, tuning),
            share=w.mix,
            groups=scratch(max_rows, device),
            master_output=torch.empty(max_rows if w.master else 0, w.output_width, device=device),
            tuning=tuning,
        )


def scratch(rows: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Memory for `row_order`, `tiles` and `tile_count` of up to so many rows."""
    sizes = (rows,), (rows, 3), (1,)
    order, tiles, count = (torch.zeros(s, dtype=torch.int32, device=device) for s in sizes)
    return order, tiles, count


def _tree(w: FFFWeights, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    norm = torch.linalg.vector_norm(w.node_weight, dim=-1, dtype=torch.float64)
    # A product with the inverse and not a division, of which a GPU makes some thirty instructions.
    inverse = torch.where(norm > 0, 1 / norm, 0.0)
    tensors = (w.node_weight, w.node_bias, norm, inverse, halving_order(w.input_width))
    weight, bias, norm, inverse, order = (t.to(device).contiguous() for t in tensors)
    return weight, bias, norm, inverse, order


def _bound(input_width: int) -> tuple[float, float]:
    """Slope and least value of `error_bound`, which is linear in what it is given."""
    zero, one = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
    return float(error_bound(input_width, one, one, zero)), float(
        error_bound(input_width, zero, zero, zero)
    )


def _walk_constants(w: FFFWeights, tuning: Tuning) -> dict[str, Any]:
    terms = triton.next_power_of_2(w.input_width)
    return {
        "DEPTH": w.depth,
        "TERMS": terms,
        "HALVINGS": terms.bit_length() - 1,
        # Of wider rows 1,024 a step: by the compiler's report for sm_90 more would spill registers.
        "BLOCK": min(terms, tuning.route_block or (2048 if terms <= 2048 else 1024)),
        "TIE_GOES_RIGHT": w.tie == "ge",
    }


def _master(
    w: FeedForwardWeights, device: torch.device, dtype: torch.dtype, tuning: Tuning
) -> PackedLeaves:
    w1, b1, w2, b2 = (t[None] for t in w.tensors().values())
    return PackedLeaves.pack(w1, b1, w2, b2, w.activation, dtype, device, tuning)


def _copied(
    source: Tensor, device: torch.device, dtype: torch.dtype, transposed: bool = False
) -> Tensor:
    """Copy `[leaves, a, b]` in chunks: the largest layers fit the device only in their type."""
    count, a, b = source.shape
    copy = torch.empty((count, b, a) if transposed else (count, a, b), dtype=dtype, device=device)
    for part in chunk_slices(count, source.element_size() * a * b):
        moved = source[part].to(device)
        copy[part] = moved.transpose(1, 2) if transposed else moved
    return copy


def _block(size: int, most: int) -> int:
    """Power of two that covers `size` if `most` allows; at least 16, for tensor cores."""
    return min(most, max(16, int(triton.next_power_of_2(size))))
