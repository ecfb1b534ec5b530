"""
Weights as the CPU kernel reads them.

One leaf is one record: all its weights lie together in the order of use, so a single row streams
them as fast as the cache can (100 GB/s from L3, 2026-11-24, Zen 4 VM).

    b1          [h]              float32, h = leaf width rounded up to 8
    b2          [o']             float32, o' = output width rounded up to 16
    w1          panels of 32 (or fewer) columns, each [i, columns]; narrow leaves: [l, i]
    w2          blocks of 64 (then 16) columns, each [l, columns]

Of narrow rows with small leaves: `narrow_layout`.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fff.chunks import chunk_slices
from fff.decision import error_bound
from fff.kernels.cpu.activations import KINDS
from fff.kernels.cpu.narrow_layout import leaf_bytes, node_records, serves, write_leaves
from fff.kernels.cpu.simd import BLOCK, PANEL
from fff.kernels.cpu.simd_ir import LANES
from fff.kernels.cpu.tables import (
    ACTIVATION,
    B2,
    DEPTH,
    H_COLUMNS,
    IN,
    ITEM_BYTES,
    MODEL_FIELDS,
    NARROW,
    NEURONS,
    NODE_RECORDS,
    NODE_STATS,
    NODES,
    OUT,
    RECORD_BYTES,
    RECORDS,
    TIE_GE,
    W1,
    W2,
    Y_COLUMNS,
)
from fff.weights import FeedForwardWeights, FFFWeights

STORAGE = {"float32": torch.float32, "bfloat16": torch.bfloat16}

NARROW_NEURONS = 4
"""
A leaf this narrow is computed by dot products: columns in lanes would fill 4 of 8.

At 768 inputs a dot takes 0.05 µs, a tile of 8 columns 0.39 for one row and 0.13 a row for six
(Zen 4 VM, 2026-11-24).
"""

_HUGE_PAGE = 2 << 20
_LINE = 64
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Packed:
    """
    A layer in the kernel's layout.

    Attributes:
        records: `[leaves, record_bytes]`, uint8, from a cache line on. Any memory will do, a
            read-only map of a file as well: `pack` writes it, the kernel only reads.
        nodes: Node weights, `[2**d - 1, i]`, float32.
        node_stats: Numbers of each node that the screen reads (`tables`), `[2**d - 1, 4]`, float64.
        fields: The model's table by byte offset, without the addresses of arrays and of code.
        node_records: Of a layer of narrow rows, `narrow_layout.node_records`; else None.
    """

    records: Bytes
    nodes: npt.NDArray[np.float32]
    node_stats: npt.NDArray[np.float64]
    fields: dict[int, int] = field(repr=False)
    node_records: npt.NDArray[np.float32] | None = None

    def table(self, code: dict[int, int]) -> npt.NDArray[np.int64]:
        """
        Write the model's table. It holds addresses of this object's arrays: keep both.

        Args:
            code: Addresses of compiled functions, by byte offset.

        Returns:
            `[MODEL_FIELDS]`, int64.
        """
        table = np.zeros(MODEL_FIELDS, np.int64)
        arrays = (
            *((NODES, self.nodes), (NODE_STATS, self.node_stats), (RECORDS, self.records)),
            (NODE_RECORDS, self.node_records),
        )
        addresses = {name: array.ctypes.data for name, array in arrays if array is not None}
        for offset, value in (self.fields | addresses | code).items():
            table[offset // 8] = value
        return table


def pack(w: FFFWeights, storage: str = "float32", records: Bytes | None = None) -> Packed:
    """
    Lay a tree and its leaves out; the master leaf is `as_tree` of its weights.

    Args:
        w: Weights on the CPU. They are read in chunks, each once, so that a model that is read
            from a file is never in memory twice.
        storage: Number type of `w1` and `w2`: `float32`, or `bfloat16` (rounded to nearest even).
        records: Where to write the leaves, `[leaves, record_bytes(w, storage)]`, such as a new
            file's map. By default new memory of huge pages.

    Raises:
        ValueError: If the storage or the activation has no kernel.
    """
    if w.activation not in KINDS:
        raise ValueError(f"the CPU kernel has no activation {w.activation!r}")
    fields = _fields(w, storage)
    nodes = huge_pages(w.node_weight.numel() * 4).view(np.float32).reshape(w.node_weight.shape)
    stats = np.empty((len(nodes), 4))
    for chunk in chunk_slices(len(nodes), 8 * w.input_width):  # norms are taken in float64
        weight = w.node_weight[chunk]
        nodes[chunk] = weight.numpy()
        stats[chunk] = node_stats(weight, w.node_bias[chunk])
    narrow = serves(w, storage, stats)
    if narrow:
        fields[RECORD_BYTES] = leaf_bytes(w)
    size = fields[RECORD_BYTES]
    if records is None:
        records = huge_pages(w.leaves * size).reshape(w.leaves, size)
    for leaves in chunk_slices(w.leaves, size):
        some = torch.from_numpy(records[leaves])
        if narrow:
            write_leaves(some, w, leaves)
        else:
            _write_leaves(some, w, leaves, fields, STORAGE[storage])
    return Packed(records, nodes, stats, fields, node_records(nodes, stats) if narrow else None)


def as_tree(w: FeedForwardWeights) -> FFFWeights:
    """See a dense network as a tree of depth 0."""
    no_nodes, no_biases = torch.empty(0, w.input_width), torch.empty(0)
    leaf = (w.w1[None], w.b1[None], w.w2[None], w.b2[None])
    return FFFWeights(no_nodes, no_biases, *leaf, activation=w.activation)


def huge_pages(size: int) -> Bytes:
    """
    Take `size` bytes of zeroed memory in 2 MB pages where the system has them.

    Twice as fast to read from at 32 MB as 4 kB pages (48 and 26 GB/s, Zen 4 VM, 2026-11-24).
    """
    block = mmap.mmap(-1, max(size, 1) + _HUGE_PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        block.madvise(mmap.MADV_HUGEPAGE)
    memory = np.frombuffer(block, np.uint8)
    start = -memory.ctypes.data % _HUGE_PAGE
    return memory[start : start + size]


def round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _fields(w: FFFWeights, storage: str) -> dict[int, int]:
    if storage not in STORAGE:
        raise ValueError(f"storage must be one of {', '.join(STORAGE)}; got {storage!r}")
    item = STORAGE[storage].itemsize
    narrow = w.leaf_width <= NARROW_NEURONS and storage == "float32"
    h, o = round_up(w.leaf_width, 8), round_up(w.output_width, LANES)
    b2 = round_up(4 * h, _LINE)
    w1 = b2 + 4 * o
    w2 = round_up(w1 + item * w.input_width * (w.leaf_width if narrow else h), _LINE)
    return {
        IN: w.input_width,
        OUT: w.output_width,
        DEPTH: w.depth,
        NEURONS: w.leaf_width,
        H_COLUMNS: h,
        Y_COLUMNS: o,
        ITEM_BYTES: item,
        NARROW: int(narrow),
        RECORD_BYTES: round_up(w2 + item * w.leaf_width * o, _LINE),
        B2: b2,
        W1: w1,
        W2: w2,
        ACTIVATION: KINDS[w.activation],
        TIE_GE: int(w.tie == "ge"),
    }


def _write_leaves(
    records: Tensor, w: FFFWeights, leaves: slice, at: dict[int, int], dtype: torch.dtype
) -> None:
    def tensor_at(
        offset: int, shape: tuple[int, ...], dtype: torch.dtype = torch.float32
    ) -> Tensor:
        size = prod(shape) * dtype.itemsize
        return records[:, offset : offset + size].view(dtype).view(-1, *shape)

    item, i, neurons = at[ITEM_BYTES], w.input_width, w.leaf_width
    w1, w2 = w.w1[leaves], w.w2[leaves]
    tensor_at(0, (at[H_COLUMNS],))[:, :neurons] = w.b1[leaves]
    if w.leaf_output_bias:
        tensor_at(at[B2], (at[Y_COLUMNS],))[:, : w.output_width] = w.b2[leaves]
    if at[NARROW]:
        tensor_at(at[W1], (neurons, i))[:] = w1.transpose(1, 2)
    else:
        for start, columns in _panels(at[H_COLUMNS]):
            panel = w1[:, :, start : start + columns]
            target = tensor_at(at[W1] + item * i * start, (i, columns), dtype)
            target[:, :, : panel.shape[2]] = panel
    for start, columns in _blocks(w.output_width):
        block = w2[:, :, start : start + columns]
        target = tensor_at(at[W2] + item * neurons * start, (neurons, columns), dtype)
        target[:, :, : block.shape[2]] = block


def _panels(h_columns: int) -> Iterator[tuple[int, int]]:
    """First column and number of columns of each panel of `w1`."""
    for start in range(0, h_columns, PANEL):
        yield start, min(PANEL, h_columns - start)


def _blocks(output_width: int) -> Iterator[tuple[int, int]]:
    """First column and number of columns of each block of `w2`."""
    start = 0
    while start < output_width:
        columns = BLOCK if output_width - start >= BLOCK else LANES
        yield start, columns
        start += columns


def node_stats(weight: Tensor, bias: Tensor) -> npt.NDArray[np.float64]:
    """Numbers of nodes that the screen reads (`tables`), `[nodes, 4]`."""
    norm = torch.linalg.vector_norm(weight, dim=-1, dtype=torch.float64)  # [nodes]
    zero, unit = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
    bias = bias.double()
    constant = error_bound(weight.shape[1], zero, norm, bias)
    slope = error_bound(weight.shape[1], unit, norm, bias * 0)
    return torch.stack((slope, constant, 1 / norm, bias), -1).numpy()  # [nodes, 4]
